// Any bytes as a table of each kind and as a shard: rows whose paths stay below their folder and
// whose members lie in the file, or an Error.
#include <string>

#include "dataset/impl/readers.h"
#include "dataset/impl/tables.h"
#include "scratch_file.h"

namespace {

template <class Action>
void attempt(Action action) {
  try {
    action();
  } catch (const qprompt::Error& error) {
    if (error.kind() != qprompt::ErrorKind::kContent) std::abort();
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const ScratchFile file("shard.tar");
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  for (const char* name : {"fuzz.csv", "fuzz.tsv", "fuzz.jsonl"}) {
    attempt([&] {
      for (const auto& row : qprompt::dataset::parse_table(name, bytes)) {
        if (!qprompt::dataset::path_fault(row.path).empty() || row.label.empty()) std::abort();
      }
    });
  }
  file.write(bytes);
  attempt([&] {
    for (const auto& member : qprompt::dataset::list_tar(file.path())) {
      const auto total = static_cast<int64_t>(size);
      if (member.offset < 0 || member.size < 0 || member.offset + member.size > total) std::abort();
    }
  });
  attempt([&] { qprompt::dataset::read_shard(file.path(), "shard.tar"); });
  return 0;
}
