// SGD, Adam and AdamW with the meaning that Dassl gives their settings. Private to the room.
#pragma once

#include <ATen/core/Tensor.h>

#include <string>
#include <vector>

#include "learner/learner.h"
#include "train/options.h"

namespace qprompt::train {

/// What an optimizer remembers of one tensor.
struct Moments {
  at::Tensor first;   ///< shape of the tensor: SGD's momentum, Adam's mean of gradients
  at::Tensor second;  ///< shape of the tensor: Adam's mean of squares; undefined for SGD
};
Moments zero_moments(const OptimizerOptions& options, const at::Tensor& value);

struct StepSize {
  double rate = 0;     ///< learning rate
  int64_t number = 1;  ///< of the step, from 1
};
/// One step of one tensor, in place. Weight decay is torch's of each: a part of the gradient for
/// SGD and Adam, apart from it for AdamW (Loshchilov and Hutter).
void optimizer_step(const OptimizerOptions& options, const StepSize& step,
                    const at::Tensor& gradient, at::Tensor& value, Moments& moments);

/// A rate for each learned tensor: `rate`, or what `text` says ("proj=0.001,ctx=0.01"; a name
/// stands for all that begin with it and a dot, too). Throws kUsage on a name that no tensor has,
/// and on what is no rate.
std::vector<double> tensor_rates(const std::vector<ParameterSpec>& specs, double rate,
                                 const std::string& text);

}  // namespace qprompt::train
