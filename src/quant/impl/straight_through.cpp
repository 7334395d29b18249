#include "quant/impl/straight_through.h"

#include <torch/csrc/autograd/custom_function.h>

namespace qprompt::quant {
namespace {

namespace ag = torch::autograd;

/// Not W + (Q − W).detach(), whose sum rounds: scores must come from the centres themselves.
struct StraightThrough : ag::Function<StraightThrough> {
  static at::Tensor forward(ag::AutogradContext*, const at::Tensor& /*weights*/,
                            const at::Tensor& quantized) {
    return quantized.detach();
  }
  static ag::variable_list backward(ag::AutogradContext*, ag::variable_list gradients) {
    return {gradients[0], at::Tensor()};
  }
};

}  // namespace

at::Tensor straight_through(const at::Tensor& weights, const at::Tensor& quantized) {
  return StraightThrough::apply(weights, quantized);
}

}  // namespace qprompt::quant
