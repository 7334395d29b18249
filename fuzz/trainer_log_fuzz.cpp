// Any bytes as the log of a public trainer: read, or refused by an Error about its content.

// First, because clang takes LibTorch 1.13's headers as C++20 only when this class is complete.
#include <ATen/core/ivalue.h>

#include "exchange/trainer_log.h"
#include "qprompt/base.h"
#include "scratch_file.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const ScratchFile file("log.txt");
  file.write({reinterpret_cast<const char*>(data), size});
  try {
    const qprompt::TrainerLog log = qprompt::read_trainer_log(file.path());
    for (const auto& [key, value] : log.config) {
      if (key.empty()) std::abort();
    }
  } catch (const qprompt::Error& error) {
    if (error.kind() != qprompt::ErrorKind::kContent) std::abort();
  }
  return 0;
}
