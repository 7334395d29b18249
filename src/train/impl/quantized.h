// Which tensors of a learner are quantized. Private to the room.
#pragma once

#include <string>
#include <vector>

#include "learner/learner.h"

namespace qprompt::train {

/// One answer a tensor. `names` with commas: each is a tensor, or stands for all that begin with it
/// and a dot, biases left out. Empty: every tensor but the biases (paper, section "What is
/// quantized"). Throws kUsage on a name that no tensor has.
std::vector<bool> choose_quantized(const std::vector<ParameterSpec>& specs,
                                   const std::string& names);

}  // namespace qprompt::train
