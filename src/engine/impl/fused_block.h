// The frozen block on the CPU as one autograd function: it keeps what the input's gradient needs,
// and has no gradients of weights.
#pragma once

#include "engine/block.h"

namespace qprompt::engine {

/// As `run_block`, for float or double on the CPU.
at::Tensor fused_block(const std::shared_ptr<const Block>& block, const at::Tensor& x,
                       const std::shared_ptr<const Sequence>& sequence, const at::Tensor& wanted);

}  // namespace qprompt::engine
