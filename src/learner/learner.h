// Room `learner`: what is learned. A learner makes edits of the towers, or logits from features,
// out of learned values; packing, chunks and the loop are others' business.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "learner/edits.h"
#include "method/method.h"
#include "qprompt/base.h"
#include "qprompt/clip.h"

namespace qprompt {

/// Learned tensors in the order of `Learner::parameters`, raw or quantized, float32.
using Values = std::vector<at::Tensor>;

/// One learned tensor, as its method's row declares it for one model and its classes.
struct ParameterSpec {
  std::string name;            ///< as stored: "ctx"
  std::vector<int64_t> shape;  ///< (M, D), or (C, M, D) when class-specific
  bool quantized = true;       ///< false for biases, which the paper leaves in 16 bits
};

/// What a learner is made from: the same in training and from a file.
struct Start {
  Clip clip;
  MethodOptions options;  ///< resolved
  std::vector<std::string> class_names;
};

/// Whose logits are asked for: training's, or those of classes that were seen in it, or not.
enum class Phase { kTrain, kSeen, kUnseen };

/// What a head turns into logits.
struct HeadInput {
  at::Tensor image;  ///< (B, E), of length one
  at::Tensor text;   ///< (C, E), of length one
  double scale = 1;  ///< τ
};

/// A way of building a classifier from learned values. It holds none: they are passed in. Const and
/// safe to use from several threads once made.
class Learner {
 public:
  explicit Learner(const Start& start);
  virtual ~Learner() = default;
  const MethodOptions& options() const { return start_.options; }
  const Method& method() const { return start_.options.method(); }
  const std::vector<ParameterSpec>& parameters() const { return parameters_; }

  /// Fresh float32 values, of the shapes that the row declares; draws come from `rng`.
  virtual Values initial_values(Rng& rng) const = 0;
  /// The C texts, differentiable in `values`; `image` (E), of length one, is defined where the row
  /// says that every image has texts of its own. Not overridden: the initial words (or "a photo of
  /// a"), the name and a full stop, fixed.
  virtual TextSide text(const Values& values, const at::Tensor& image) const;
  /// What images are encoded with, differentiable in `values`. Not overridden: nothing.
  virtual ImageSide image(const Values& values) const;
  /// Logits (B, C), differentiable in `values` and in both features. Not overridden: τ·cos.
  virtual at::Tensor logits(const Values& values, const HeadInput& input, Phase phase) const;

  /// The texts as the tower takes them, for no image and for one.
  PackedPrompts prompts(const Values& values) const { return packed(text(values, {})); }
  PackedPrompts prompts_for(const Values& values, const at::Tensor& image) const {
    return packed(text(values, image));
  }
  /// What the image tower takes.
  ImagePrompts image_prompts(const Values& values) const { return packed(image(values)); }

 protected:
  const Clip& clip() const { return start_.clip; }
  const std::vector<std::string>& class_names() const { return start_.class_names; }

 private:
  Start start_;
  std::vector<ParameterSpec> parameters_;
};

/// Throws kContent unless `values` are tensors of these names and shapes.
void check_values(const Values& values, const std::vector<ParameterSpec>& specs);

using LearnerMaker = std::function<std::unique_ptr<Learner>(const Start&)>;
/// Adds a learner for the rows that name it, for this process: with `add_method`, the library's
/// only global state. Throws kUsage, naming it, when the word is taken.
void add_learner(const std::string& word, LearnerMaker make);

/// The sizes of a model and C classes, and how many tokens the initial words of the options are.
Sizes sizes_of(const Clip& clip, const MethodOptions& options, int64_t classes);

/// The learner of a method. Throws kContent, naming the class, when a text is longer than the
/// model's context length; kUsage when the options contradict each other, the words or the model,
/// and where the method trains nothing; kContent where it needs a ViT. What a learner from outside
/// throws, now or later, and tensors of other shapes than its row declares, come as kContent with
/// the method's word.
std::unique_ptr<Learner> make_learner(const Clip& clip, const std::vector<std::string>& class_names,
                                      const MethodOptions& options);

}  // namespace qprompt
