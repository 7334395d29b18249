#include <cmath>

#include "base/aten.h"
#include "qprompt/eval.h"

namespace qprompt {
Score score_features(const Clip& clip, const FeatureSet& set, const std::vector<Item>& items,
                     const at::Tensor& classes, const std::vector<std::string>& class_names) {
  const at::NoGradGuard no_grad;
  const at::Tensor logits = class_logits(clip, set.features[0], classes.to(at::kCPU));  // (N, C)
  return score_logits(logits, set, items, class_names);
}

Score score_logits(const at::Tensor& logits, const FeatureSet& set, const std::vector<Item>& items,
                   const std::vector<std::string>& class_names) {
  Score score;
  score.failed = static_cast<int64_t>(set.failed.size());
  score.total = static_cast<int64_t>(set.kept.size());
  for (const std::string& name : class_names) score.classes.push_back({name, 0, 0, 0});
  if (score.total == 0) return score;
  check_shape(logits, {score.total, static_cast<int64_t>(class_names.size())}, "logits (N, C)");
  const at::Tensor best = logits.argmax(1).contiguous();  // (N)
  const at::Tensor sure = logits.softmax(1).amax(1).to(at::kFloat).contiguous();  // (N)
  const int64_t* predicted = best.data_ptr<int64_t>();
  for (int64_t i = 0; i < score.total; ++i) {
    const auto label = static_cast<size_t>(items[static_cast<size_t>(set.kept[size_t(i)])].label);
    score.predictions.push_back(predicted[i]);
    score.confidences.push_back(sure.data_ptr<float>()[i]);
    ++score.classes.at(label).total;
    ++score.classes.at(static_cast<size_t>(predicted[i])).predicted;
    if (static_cast<size_t>(predicted[i]) == label) {
      ++score.correct;
      ++score.classes[label].correct;
    }
  }
  return score;
}

double harmonic_mean(double base, double fresh) {
  return base + fresh > 0 ? 2 * base * fresh / (base + fresh) : 0;
}

Spread spread(const std::vector<double>& values) {
  Spread out;
  if (values.empty()) return out;
  for (double v : values) out.mean += v / static_cast<double>(values.size());
  for (double v : values) {
    out.deviation += (v - out.mean) * (v - out.mean) / static_cast<double>(values.size());
  }
  out.deviation = std::sqrt(out.deviation);
  return out;
}

}  // namespace qprompt
