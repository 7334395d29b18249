// Any bytes as a database of results: an experiment is read, or refused by an Error. Nothing that
// the database says is opened, removed or run.

// First, because clang takes LibTorch 1.13's headers as C++20 only when this class is complete.
#include <ATen/core/ivalue.h>

#include <sstream>

#include "experiment/store.h"
#include "qprompt/base.h"
#include "scratch_file.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const ScratchFile file("results.db");
  file.write({reinterpret_cast<const char*>(data), size});
  try {
    const auto store = qprompt::sqlite_store(file.path(), qprompt::StoreMode::kReadOnly);
    std::istringstream names(store->get("experiments"));
    for (std::string name; std::getline(names, name);) {
      const qprompt::Results results = store->results(name, {});
      for (const auto& cell : results.cells) (void)store->get(cell.training);
    }
  } catch (const qprompt::Error& error) {
    if (error.kind() == qprompt::ErrorKind::kInternal) std::abort();
  }
  return 0;
}
