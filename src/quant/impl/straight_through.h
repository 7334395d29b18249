// Private to `quant`.
#pragma once

#include <ATen/core/Tensor.h>

namespace qprompt::quant {

/// Forward: `quantized`, to the bit. Backward: the gradient passes to `weights` unchanged.
at::Tensor straight_through(const at::Tensor& weights, const at::Tensor& quantized);

}  // namespace qprompt::quant
