// Room `prompt`: what is learned, and how it meets the class names.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "method/method.h"
#include "qprompt/base.h"
#include "qprompt/clip.h"

namespace qprompt {

/// One learned tensor, as its method's row declares it for one model and its classes.
struct ParameterSpec {
  std::string name;            ///< as stored: "ctx"
  std::vector<int64_t> shape;  ///< (M, D), or (C, M, D) when class-specific
  bool quantized = true;       ///< false for biases, which the paper leaves in 16 bits
};

/// A way of building prompts from learned tensors. It holds no values: they are passed in, raw or
/// quantized, in the order of `parameters()`.
class PromptLearner {
 public:
  PromptLearner(const Clip& clip, MethodOptions options, int64_t classes);
  virtual ~PromptLearner() = default;
  /// With everything filled in.
  const MethodOptions& options() const { return options_; }
  const Method& method() const { return options_.method(); }
  const std::vector<ParameterSpec>& parameters() const { return parameters_; }

  /// Fresh float32 values; draws come from `rng`.
  virtual std::vector<at::Tensor> initial_values(Rng& rng) const = 0;
  /// The C texts as packed rows, differentiable in `values`. Throws kContent on a wrong shape.
  virtual PackedPrompts prompts(const std::vector<at::Tensor>& values) const = 0;
  /// The C texts for one image, given its normalised features (E); `prompts` unless the method has
  /// texts by image.
  virtual PackedPrompts prompts_for(const std::vector<at::Tensor>& values,
                                    const at::Tensor& image) const;
  /// What the image tower takes, differentiable in `values`; nothing unless the method reads
  /// pixels.
  virtual ImagePrompts image_prompts(const std::vector<at::Tensor>& values) const;

 private:
  MethodOptions options_;
  std::vector<ParameterSpec> parameters_;
};

/// The sizes of a model and C classes, and how many tokens the initial words of the options are.
Sizes sizes_of(const Clip& clip, const MethodOptions& options, int64_t classes);

/// The learner of a method. Throws kContent, naming the class, when a text is longer than the
/// model's context length; kUsage when the options contradict each other, the words or the model,
/// and where the method trains nothing; kContent where it needs a ViT.
std::unique_ptr<PromptLearner> make_learner(const Clip& clip,
                                            const std::vector<std::string>& class_names,
                                            const MethodOptions& options);

/// Hand-written texts as packed rows, one a class: for zero-shot classification.
PackedPrompts pack_texts(const Clip& clip, const std::vector<std::string>& texts);

}  // namespace qprompt
