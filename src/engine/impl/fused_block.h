// The frozen block on the CPU as one autograd function: it keeps what the input's gradient needs,
// and has no gradients of weights.
#pragma once

#include "clip/block.h"

namespace qprompt::clip {

/// As `run_block`, for float or double on the CPU.
at::Tensor fused_block(const std::shared_ptr<const Block>& block, const at::Tensor& x,
                       const std::shared_ptr<const Sequence>& sequence, const at::Tensor& wanted);

/// Values that a block keeps for backward, for one row of x, and for one link of its attention.
struct KeptValues {
  int64_t row = 0;   ///< x, q, k, v, the middle of the residual stream, the slope of the MLP
  int64_t link = 0;  ///< probabilities; of images none is kept
};
KeptValues kept_values(const Block& block, int64_t heads);

}  // namespace qprompt::clip
