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

/// What is learned, and where it enters.
enum class PromptKind {
  kCoOp,    ///< a text context: Zhou et al., "Learning to Prompt for Vision-Language Models", §3.2
  kCoCoOp,  ///< that, shifted by each image: "Conditional Prompt Learning …", §3.2
  kMaPLe,   ///< deep text rows, projected into the image tower: Khattak et al., "MaPLe", §3.2
  kIvlp,    ///< deep rows in both towers, independent of one another (MaPLe, §4.1)
  kVpt,  ///< deep rows in the image tower, fixed texts: Jia et al., "Visual Prompt Tuning", §3.2
  kDeepText  ///< deep rows in the text tower alone
};

/// Whether a kind learns in the image tower, so that image features cannot be kept.
bool prompts_images(PromptKind kind);

/// A context: its length, its start, its place.
struct ContextOptions {
  /// M; 0: as many as the words, or 4 when random; of MaPLe and IVLP 2, of VPT 8
  int64_t n_ctx = 0;
  std::string init_words = "a photo of a";  ///< words to start from; empty: N(0, 0.02²)
  ClassPosition position = ClassPosition::kEnd;
  bool class_specific = false;  ///< one context a class (CSC); cannot meet new classes
  PromptKind kind = PromptKind::kCoOp;
  int64_t depth = 0;         ///< J, blocks that take learned rows; 0: 9, or all where fewer
  int64_t vision_ctx = 0;    ///< IVLP: learned rows of an image; 0: M
  int64_t vision_depth = 0;  ///< IVLP: J of the image tower; 0: as `depth`
};
/// Names: n-ctx, init, class-position, class-specific, depth, vision-ctx, vision-depth.
Fields context_fields(ContextOptions& options);

/// One learned tensor.
struct ParameterSpec {
  std::string name;            ///< as stored: "ctx"
  std::vector<int64_t> shape;  ///< (M, D), or (C, M, D) when class-specific
  bool quantized = true;       ///< false for biases, which the paper leaves in 16 bits
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
  /// J: blocks of the text tower that take learned rows, or of the image tower in VPT.
  virtual int64_t depth() const { return 1; }

  /// Whether values reach the image tower, so that image features depend on them.
  virtual bool prompts_images() const { return false; }
  /// What the image tower takes, differentiable in `values`; nothing unless `prompts_images`.
  virtual ImagePrompts image_prompts(const std::vector<at::Tensor>& values) const;

  /// Whether each image has texts of its own.
  virtual bool conditional() const { return false; }
  /// The C texts for one image, given its normalised features (E); `prompts` unless `conditional`.
  virtual PackedPrompts prompts_for(const std::vector<at::Tensor>& values,
                                    const at::Tensor& image) const;
};

/// CoOp: SOT, context, class name, ".", EOT (facts of KaiyangZhou/CoOp, trainers/coop.py). Throws
/// kContent, naming the class, when a text is longer than the model's context length, and kUsage
/// when n_ctx contradicts the words.
std::unique_ptr<PromptLearner> make_coop(const Clip& clip,
                                         const std::vector<std::string>& class_names,
                                         const ContextOptions& options);

/// The learner of `options.kind`. Throws as `make_coop`; kUsage also on a depth that the towers do
/// not have, and on class-specific contexts or another class position where the kind has none;
/// kContent where a kind needs a ViT.
std::unique_ptr<PromptLearner> make_learner(const Clip& clip,
                                            const std::vector<std::string>& class_names,
                                            const ContextOptions& options);

/// Hand-written texts as packed rows, one a class: for zero-shot classification.
PackedPrompts pack_texts(const Clip& clip, const std::vector<std::string>& texts);

}  // namespace qprompt
