// Trained values as a file stores them. Private to the room.
#pragma once

#include <vector>

#include "learner/learner.h"
#include "qprompt/artifact.h"
#include "train/impl/state.h"

namespace qprompt::train {

/// What decides how values are stored.
struct Storing {
  std::vector<ParameterSpec> specs;
  std::vector<bool> in_codes;  ///< one a parameter
  int64_t plain_bits = 16;
  QuantizerOptions quantizer;
};
/// The tensors of a file; a quantizer without centres fits its first ones, so give a copy while the
/// training goes on.
std::vector<StoredTensor> store_all(const Storing& storing, Weights& weights);
/// The values as they are trained: float32, not quantized.
std::vector<StoredTensor> store_exact(const Storing& storing, const Weights& weights);

}  // namespace qprompt::train
