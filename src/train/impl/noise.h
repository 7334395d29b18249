// Gaussian noise as a regularizer. Private to the room.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>

namespace qprompt::train {

/// What a draw depends on, and nothing else: a resumed run draws the same.
struct NoiseKey {
  uint64_t seed = 1;
  int64_t step = 0;   ///< of the run
  size_t tensor = 0;  ///< index of the learned tensor
};
/// Independent draws of N(0, deviation²), float32 of this shape, without gradient.
at::Tensor step_noise(const NoiseKey& key, at::IntArrayRef shape, double deviation);

}  // namespace qprompt::train
