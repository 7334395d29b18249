// Post-training quantization of a whole prompt.
#pragma once

#include <string>

#include "qprompt/artifact.h"
#include "qprompt/quant.h"

namespace qprompt {

/// The prompt with its 16- and 32-bit tensors in `options.bits` bits each; biases stay in 16
/// (docs/method.md). `name` stands for the file. Throws kContent on a tensor that is quantized
/// already.
TrainedPrompt quantize_prompt(TrainedPrompt prompt, const QuantizerOptions& options,
                              const std::string& name);

}  // namespace qprompt
