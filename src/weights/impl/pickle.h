// Python's pickle format, protocols 2 to 5, read as data: nothing is ever imported or called.
// Private to the room `weights`.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "qprompt/weights.h"

namespace qprompt {

struct PickleLimits {
  size_t max_bytes = size_t{256} << 20;     ///< of the pickle itself
  size_t max_values = size_t{1} << 20;      ///< values made; each takes some 150 bytes
  size_t max_stack = size_t{1} << 20;       ///< values on the stack, and marks
  size_t max_memo = size_t{1} << 20;        ///< values remembered
  size_t max_references = size_t{1} << 24;  ///< members of all containers together
};

/// A torch storage as a persistent id names it.
struct StorageRequest {
  std::string key;
  at::ScalarType dtype;
  int64_t numel = 0;  ///< not negative
};

/// Gives the 1-D tensor of a storage, or throws.
using LoadStorage = std::function<at::Tensor(const StorageRequest&)>;

/// Reads one pickle. Calls of classes and functions become kObject, except for a few that only
/// rebuild data (tensors, dictionaries, sets, bytes), which are rebuilt here. Without `load`, a
/// persistent id is an error. Throws Error(kContent) with `source` and the byte.
PickleTree parse_pickle(std::string_view bytes, const std::string& source,
                        const LoadStorage& load = nullptr, const PickleLimits& limits = {});

}  // namespace qprompt
