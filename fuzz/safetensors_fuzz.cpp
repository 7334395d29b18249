// Any bytes either read as safetensors, with every tensor inside the file, or are refused by an
// Error of kind kContent.

// First, because clang takes LibTorch 1.13's headers as C++20 only when this class is complete.
#include <ATen/core/ivalue.h>

#include <ATen/ATen.h>

#include <cstdlib>

#include "qprompt/base.h"
#include "weights/impl/safetensors.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace qprompt;
  try {
    const auto bytes = own_bytes("fuzz", std::string(reinterpret_cast<const char*>(data), size));
    uint64_t sum = 0;
    for (const auto& [name, tensor] : parse_safetensors(bytes).tensors) {
      const auto* at = static_cast<const uint8_t*>(tensor.data_ptr());
      for (size_t i = 0; i < tensor.nbytes(); ++i) sum += at[i];
    }
    volatile uint64_t keep = sum;
    (void)keep;
  } catch (const Error& error) {
    if (error.kind() != ErrorKind::kContent) std::abort();
  }
  return 0;
}
