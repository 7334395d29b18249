// Any bytes as a MATLAB file: annotations are read from it, or it is refused by an Error of kind
// kContent, before the library that reads it allocates what it says.

// First, because clang takes LibTorch 1.13's headers as C++20 only when this class is complete.
#include <ATen/core/ivalue.h>

#include <string>

#include "dataset/impl/mat_file.h"
#include "qprompt/base.h"
#include "scratch_file.h"

namespace {

/// What is read holds labels from 1 up; an Error of kind kContent is a proper end.
template <class Read>
void attempt(Read read) {
  try {
    read();
  } catch (const qprompt::Error& error) {
    if (error.kind() != qprompt::ErrorKind::kContent) std::abort();
  }
}

/// The bytes themselves, or behind a header where they have none that is known.
std::string with_header(std::string_view bytes) {
  constexpr std::string_view kVersion("\0\1IM", 4);
  if (bytes.size() >= 128 && bytes.substr(124, 4) == kVersion) return std::string(bytes);
  std::string header(124, ' ');
  return header.append(kVersion).append(bytes);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace qprompt::dataset;
  static const ScratchFile file("annotations.mat");
  file.write(with_header({reinterpret_cast<const char*>(data), size}));
  attempt([] {
    for (const int64_t label : read_mat_numbers(file.path(), "labels")) {
      if (label < 1) std::abort();
    }
  });
  attempt([] { read_mat_texts(file.path(), "class_names"); });
  attempt([] {
    for (const MatAnnotation& image : read_mat_annotations(file.path(), "annotations")) {
      if (image.label < 1) std::abort();
    }
  });
  return 0;
}
