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
  std::vector<PerClass> classes;
  std::vector<int64_t> predictions;  ///< of each scored image
  double accuracy() const { return total == 0 ? 0 : 100.0 * double(correct) / double(total); }
};
/// Scores test features against class features. `labels` are those of the kept items.
Score score_features(const Clip& clip, const FeatureSet& set, const std::vector<Item>& items,
                     const at::Tensor& classes, const std::vector<std::string>& class_names);
/// The same from logits (N, C) of the kept items.
Score score_logits(const at::Tensor& logits, const FeatureSet& set, const std::vector<Item>& items,
                   const std::vector<std::string>& class_names);

/// 2bn / (b + n), 0 when both are 0.
double harmonic_mean(double base, double fresh);
/// Mean and population standard deviation.
struct Spread {
  double mean = 0, deviation = 0;
};
Spread spread(const std::vector<double>& values);

}  // namespace qprompt
