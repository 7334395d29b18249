// Any bytes as a split file and as a sample of a small data set: read, or refused by an Error.
#include <string>

#include "dataset/impl/readers.h"
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

qprompt::Split small_set() {
  qprompt::Split split;
  split.name = "small";
  split.class_names = {"cat", "dog"};
  split.train = {{"cat/0.jpg", 0}, {"dog/0.jpg", 1}, {"cat/1.jpg", 0}};
  split.val = {{"dog/1.jpg", 1}};
  split.test = {{"cat/2.jpg", 0}, {"dog/2.jpg", 1}};
  return split;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const ScratchFile file("sample.json");
  static const qprompt::Split set = small_set();
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  attempt([&] {
    const qprompt::Split split = qprompt::dataset::parse_split_json("fuzz", bytes);
    for (const auto* items : {&split.train, &split.val, &split.test}) {
      for (const qprompt::Item& item : *items) {
        if (item.label < 0 || item.label >= static_cast<int64_t>(split.class_names.size())) {
          std::abort();
        }
        if (!qprompt::dataset::path_fault(item.path).empty()) std::abort();
      }
    }
  });
  file.write(bytes);
  attempt([&] { qprompt::apply_sample(set, file.path()); });
  return 0;
}
