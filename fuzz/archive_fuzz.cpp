// Bytes that begin like a zip archive are read as one, and those that begin with 'L' as what
// follows the head of a torch file from before 1.6; all others are read as the pickle inside an
// archive, which checksums would keep a fuzzer from reaching. Either all tensors lie inside their
// storages or an Error of kind kContent is thrown.

// First, because clang takes LibTorch 1.13's headers as C++20 only when this class is complete.
#include <ATen/core/ivalue.h>

#include <ATen/ATen.h>

#include <algorithm>
#include <cstdlib>
#include <string_view>

#include "qprompt/base.h"
#include "weights/impl/archive.h"
#include "weights/impl/legacy_archive.h"

namespace {

/// With the three pickles that a fuzzer cannot guess set before `text`.
qprompt::PickleTree parse_legacy(std::string_view text) {
  using namespace std::string_literals;
  static const std::string kHead =
      "\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19.\x80\x02M\xe9\x03."s
      "\x80\x02}X\x0d\0\0\0little_endian\x88s."s;
  const qprompt::ByteRange file = qprompt::own_bytes("fuzz", kHead + std::string(text));
  if (!qprompt::looks_like_legacy_archive(file)) std::abort();
  return qprompt::parse_legacy_archive(file);
}

qprompt::PickleTree parse(const uint8_t* data, size_t size) {
  using namespace qprompt;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  if (text.substr(0, 2) == "PK") return parse_archive(own_bytes("fuzz", std::string(text)));
  if (text.substr(0, 1) == "L") return parse_legacy(text.substr(1));
  PickleLimits limits;
  limits.max_values = 1 << 16;
  return parse_pickle(
      text, "fuzz",
      [](const StorageRequest& request) {
        return at::zeros({std::min<int64_t>(request.numel, 64)}, request.dtype);
      },
      limits);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace qprompt;
  try {
    const PickleTree tree = parse(data, size);
    for (const auto& [name, tensor] : flatten_pickle(tree, "fuzz").tensors) {
      const at::Tensor copy = tensor.clone(at::MemoryFormat::Contiguous);  // reads every value
      if (copy.numel() > tensor.numel()) std::abort();
    }
  } catch (const Error& error) {
    if (error.kind() != ErrorKind::kContent) std::abort();
  }
  return 0;
}
