// Room `prompt`: what is learned, and how it meets the class names.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "qprompt/base.h"
#include "qprompt/clip.h"

namespace qprompt {

/// Where the class name stands among the context rows (CoOp, CLASS_TOKEN_POSITION).
enum class ClassPosition { kEnd, kMiddle, kFront };

/// A context: its length, its start, its place. CoOp, "Learning to Prompt for Vision-Language
/// Models", §3.2.
struct ContextOptions {
  int64_t n_ctx = 0;                        ///< M; 0: as many as the words, or 4 when random
  std::string init_words = "a photo of a";  ///< words to start from; empty: N(0, 0.02²)
  ClassPosition position = ClassPosition::kEnd;
  bool class_specific = false;  ///< one context a class (CSC); cannot meet new classes
};
/// Names: n-ctx, init, class-position, class-specific.
Fields context_fields(ContextOptions& options);

/// One learned tensor.
struct ParameterSpec {
  std::string name;            ///< as stored: "ctx"
  std::vector<int64_t> shape;  ///< (M, D), or (C, M, D) when class-specific
};

/// A way of building prompts from learned tensors. It holds no values: they are passed in, raw or
/// quantized, in the order of `parameters()`.
class PromptLearner {
 public:
  virtual ~PromptLearner() = default;
  virtual std::vector<ParameterSpec> parameters() const = 0;
  /// Fresh float32 values; draws come from `rng`.
  virtual std::vector<at::Tensor> initial_values(Rng& rng) const = 0;
  /// The C texts as packed rows, differentiable in `values`. Throws kContent on a wrong shape.
  virtual PackedPrompts prompts(const std::vector<at::Tensor>& values) const = 0;
  /// M, after the words were counted.
  virtual int64_t n_ctx() const = 0;
};

/// CoOp: SOT, context, class name, ".", EOT (facts of KaiyangZhou/CoOp, trainers/coop.py). Throws
/// kContent, naming the class, when a text is longer than the model's context length, and kUsage
/// when n_ctx contradicts the words.
std::unique_ptr<PromptLearner> make_coop(const Clip& clip,
                                         const std::vector<std::string>& class_names,
                                         const ContextOptions& options);

/// Hand-written texts as packed rows, one a class: for zero-shot classification.
PackedPrompts pack_texts(const Clip& clip, const std::vector<std::string>& texts);

}  // namespace qprompt
