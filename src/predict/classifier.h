// Room `predict`: images to named answers.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "predict/classes.h"
#include "qprompt/image.h"

namespace qprompt {

/// One answer of the classifier.
struct Answer {
  int64_t label = 0;
  std::string name;
  double probability = 0;
};

/// A ready classifier: a CLIP, class features and their names. Const and thread-safe once made.
class Classifier {
 public:
  /// From a learned prompt and the classes that its file names. Throws kUsage when it names none.
  Classifier(const Clip& clip, const TrainedPrompt& prompt);
  /// From a learned prompt and the classes to tell apart.
  Classifier(const Clip& clip, const TrainedPrompt& prompt, std::vector<std::string> class_names);
  /// From the templates of zero-shot classification.
  Classifier(const Clip& clip, const std::vector<std::string>& templates,
             std::vector<std::string> class_names);

  /// Normalised pixels (B, 3, R, R) → for each image the `top` most probable classes, best first.
  std::vector<std::vector<Answer>> classify(const at::Tensor& pixels, int64_t top) const;
  /// An image file; throws kPath or kContent naming it.
  std::vector<Answer> classify_file(const std::string& path, int64_t top,
                                    const DecodeOptions& options) const;
  /// The same from features (B, E), as `encode_files` gives them for many files when it is given
  /// this classifier's `image_prompts`.
  std::vector<std::vector<Answer>> classify_features(const at::Tensor& features, int64_t top) const;
  const std::vector<std::string>& class_names() const { return names_; }
  /// Learned rows that images must be encoded with; undefined: none.
  ImagePrompts image_prompts() const;

 private:
  at::Tensor logits(const at::Tensor& features) const;
  Clip clip_;
  std::vector<std::string> names_;
  std::optional<PromptedClasses> prompted_;  ///< or
  at::Tensor classes_;                       ///< (C, E), zero-shot
};

}  // namespace qprompt
