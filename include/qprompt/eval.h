// Room `eval`: scores. Learned prompts enter as `.qprompt` contents, by the room `predict`.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "predict/classes.h"
#include "predict/classifier.h"
#include "qprompt/artifact.h"
#include "qprompt/base.h"
#include "qprompt/clip.h"
#include "qprompt/dataset.h"
#include "qprompt/features.h"

namespace qprompt {

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

}  // namespace qprompt
