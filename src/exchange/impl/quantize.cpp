#include "exchange/quantize.h"

namespace qprompt {
namespace {

/// Biases are few beside their weights, and no noise is wanted on them (docs/method.md).
bool is_bias(const StoredTensor& tensor) { return tensor.name.ends_with(".bias"); }

}  // namespace

TrainedPrompt quantize_prompt(TrainedPrompt prompt, const QuantizerOptions& options,
                              const std::string& name) {
  for (StoredTensor& tensor : prompt.tensors) {
    if (tensor.bits < 16) {
      fail(ErrorKind::kContent, "'", name, "': tensor '", tensor.name, "' has ", tensor.bits,
           " bits already; quantize the 16- or 32-bit prompt that it came from");
    }
    if (is_bias(tensor)) {
      for (float& value : tensor.plain) value = from_half(to_half(value));
      tensor.bits = 16;
      continue;
    }
    tensor.quantized = quantize_once(tensor.plain, options);
    tensor.bits = options.bits;
    tensor.plain.clear();
  }
  prompt.bits = options.bits;
  return prompt;
}

}  // namespace qprompt
