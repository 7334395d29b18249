// Bytes that begin like a zip archive are read as one; all others are read as the pickle inside
// one, which checksums would keep a fuzzer from reaching. Either all tensors lie inside their
// storages or an Error of kind kContent is thrown.

// First, because clang takes LibTorch 1.13's headers as C++20 only when this class is complete.
#include <ATen/core/ivalue.h>

#include <ATen/ATen.h>

#include <algorithm>
#include <cstdlib>
#include <string_view>

#include "qprompt/base.h"
#include "weights/archive.h"

namespace {

qprompt::PickleTree parse(const uint8_t* data, size_t size) {
  using namespace qprompt;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  if (text.substr(0, 2) == "PK") return parse_archive(own_bytes("fuzz", std::string(text)));
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
