// Room `eval`: class matrices, scores, the classifier. Learned prompts enter as `.qprompt`
// contents.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "qprompt/artifact.h"
#include "qprompt/base.h"
#include "qprompt/clip.h"
#include "qprompt/dataset.h"
#include "qprompt/features.h"

namespace qprompt {

/// Throws kContent, with both fingerprints, when the prompt belongs to another CLIP.
void check_belongs(const Clip& clip, const TrainedPrompt& prompt, const std::string& name);

/// A learned prompt that has met the classes it is to tell apart. Cheap to copy, const.
class PromptedClasses {
 public:
  /// Class-specific contexts need exactly the class names that they were trained with. Throws
  /// kContent otherwise, on tensors that are not the method's, and on a prompt of another CLIP.
  PromptedClasses(const Clip& clip, const TrainedPrompt& prompt,
                  const std::vector<std::string>& class_names);
  /// Learned rows that the images to be scored must be encoded with; undefined: none.
  const ImagePrompts& image_prompts() const;
  /// (N, C) logits τ·cos(image, class) of features (N, E). A conditional prompt (CoCoOp) encodes
  /// the classes once an image; every other has encoded them once.
  at::Tensor logits(const at::Tensor& image) const;
  /// (C, E) class features, not normalised. Throws kContent for a conditional prompt, whose classes
  /// differ from image to image.
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
/// (CLIP, §3.1.4). Templates contain "{}".
at::Tensor zero_shot_matrix(const Clip& clip, const std::vector<std::string>& class_names,
                            const std::vector<std::string>& templates);

/// (N, C) logits τ·cos(image, class) of features (N, E) and (C, E).
at::Tensor class_logits(const Clip& clip, const at::Tensor& image, const at::Tensor& classes);

/// Top-1 results over a list of images.
struct Score {
  struct PerClass {
    std::string name;
    int64_t total = 0, correct = 0, predicted = 0;
  };
  int64_t total = 0, correct = 0, failed = 0;  ///< failed: unreadable images, not in total
  int64_t among_five = 0;  ///< images whose class is one of the five most probable
  std::vector<PerClass> classes;
  std::vector<int64_t> predictions;  ///< of each scored image
  std::vector<float> confidences;    ///< softmax probability of each of them
  /// The largest probability of a base class, one an image; where all classes are told apart.
  std::vector<float> base_scores;
  double accuracy() const { return total == 0 ? 0 : 100.0 * double(correct) / double(total); }
};
/// Scores test features against class features. `labels` are those of the kept items.
Score score_features(const Clip& clip, const FeatureSet& set, const std::vector<Item>& items,
                     const at::Tensor& classes, const std::vector<std::string>& class_names);
/// The same from logits (N, C) of the kept items.
Score score_logits(const at::Tensor& logits, const FeatureSet& set, const std::vector<Item>& items,
                   const std::vector<std::string>& class_names);
/// (N) the largest probability of the first ⌈C/2⌉ classes, which are the base ones, from logits
/// (N, C) over all classes.
std::vector<float> base_scores(const at::Tensor& logits);

/// A test list whose images are encoded: one pass serves every prompt, seed and method.
struct TestSet {
  Split split;  ///< cut to `half`
  Half half = Half::kAll;
  FeatureSet features;
  FeatureOptions options;  ///< how they were made; for prompts that change the features
};
/// Encodes the test images of a half; unreadable ones are left out, with a warning each. Throws
/// kContent when there are none.
TestSet open_test_set(const Clip& clip, const Split& split, Half half,
                      const FeatureOptions& features, Log& log);
/// Scores what a `.qprompt` file holds. A prompt of the image tower encodes the images anew. Throws
/// kContent when it belongs to another CLIP, or to other classes.
Score score_prompt(const Clip& clip, const TrainedPrompt& prompt, const TestSet& test);
/// Scores hand-written templates (zero-shot CLIP).
Score score_templates(const Clip& clip, const std::vector<std::string>& templates,
                      const TestSet& test);

/// One answer of the classifier.
struct Answer {
  int64_t label = 0;
  std::string name;
  double probability = 0;
};

/// A ready classifier: a CLIP, class features and their names. Const and thread-safe once made.
class Classifier {
 public:
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
