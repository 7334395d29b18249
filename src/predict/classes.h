// Room `predict`: a learned prompt, or hand-written templates, that has met the classes to tell
// apart.
#pragma once

#include <ATen/core/Tensor.h>

#include <memory>
#include <string>
#include <vector>

#include "qprompt/artifact.h"
#include "qprompt/clip.h"

namespace qprompt {

/// Throws kContent, with both fingerprints, when the prompt belongs to another CLIP.
void check_belongs(const Clip& clip, const TrainedPrompt& prompt, const std::string& name);

/// A learned prompt that has met the classes it is to tell apart. Cheap to copy, const.
class PromptedClasses {
 public:
  /// A prompt that is bound to its classes needs exactly their names. Throws kContent otherwise, on
  /// tensors that are not the method's, and on a prompt of another CLIP.
  PromptedClasses(const Clip& clip, const TrainedPrompt& prompt,
                  const std::vector<std::string>& class_names);
  /// Learned rows that the images to be scored must be encoded with; undefined: none.
  const ImagePrompts& image_prompts() const;
  /// (N, C) logits of features (N, E): τ·cos(image, class), or what the head makes of them.
  /// A prompt with texts by image encodes the classes once an image; every other has encoded them
  /// once. Classes that the file does not name are met by the prompt's rule for unseen ones.
  at::Tensor logits(const at::Tensor& image) const;
  /// (C, E) class features, not normalised. Throws kContent where they differ from image to image.
  at::Tensor matrix() const;

  struct Impl;

 private:
  std::shared_ptr<const Impl> impl_;
};

/// `PromptedClasses::matrix` in one call. Where the prompt has rows in the image tower, these
/// features meet only images that were encoded with them.
at::Tensor class_matrix(const Clip& clip, const TrainedPrompt& prompt,
                        const std::vector<std::string>& class_names);

/// (C, E) zero-shot class features: each template's features normalised, averaged, normalised again
/// (CLIP, §3.1.4). Templates contain "{}". Throws kUsage on one that does not.
at::Tensor zero_shot_matrix(const Clip& clip, const std::vector<std::string>& class_names,
                            const std::vector<std::string>& templates);

/// (N, C) logits τ·cos(image, class) of features (N, E) and (C, E).
at::Tensor class_logits(const Clip& clip, const at::Tensor& image, const at::Tensor& classes);

}  // namespace qprompt
