// Any bytes as a list of classes, as templates and as paths on standard input: names that are whole
// and printable, or an Error.
#include <sstream>
#include <string>
#include <vector>

#include "base/names.h"
#include "base/text.h"
#include "qprompt/base.h"
#include "scratch_file.h"

namespace {

using qprompt::Error;

void check_names(const std::vector<std::string>& names) {
  for (const std::string& name : names) {
    if (name.empty() || !qprompt::is_valid_utf8(name) || name.find('\n') != name.npos) std::abort();
    for (const char c : name) {
      if (static_cast<unsigned char>(c) < 0x20) std::abort();
    }
  }
}

template <class Read>
void read_or_refuse(Read read) {
  try {
    read();
  } catch (const Error& error) {
    if (error.kind() == qprompt::ErrorKind::kInternal) std::abort();
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const ScratchFile file("names.txt");
  const std::string bytes(reinterpret_cast<const char*>(data), size);
  file.write(bytes);
  read_or_refuse([&] { check_names(qprompt::read_labels(file.path(), "--labels")); });
  read_or_refuse([&] { check_names(qprompt::read_labels(bytes + ",", "--labels")); });
  read_or_refuse([&] { check_names(qprompt::read_templates({file.path()}, "--template")); });
  for (const bool null_separated : {false, true}) {
    read_or_refuse([&] {
      std::istringstream in(bytes);
      qprompt::PathStream paths(in, null_separated);
      for (std::string path; paths.next(path);) {
        if (path.empty()) std::abort();
      }
    });
  }
  if (!qprompt::is_valid_utf8(qprompt::printable(bytes))) std::abort();
  if (!qprompt::is_valid_utf8(qprompt::csv_cell(bytes))) std::abort();
  read_or_refuse([&] { qprompt::check_toml_depth(bytes, "fuzz"); });
  return 0;
}
