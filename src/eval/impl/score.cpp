#include <algorithm>

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
  check_finite(logits, "the logits that this model and prompt give");
  const at::Tensor best = logits.argmax(1).contiguous();                          // (N)
  const at::Tensor sure = logits.softmax(1).amax(1).to(at::kFloat).contiguous();  // (N)
  const int64_t five = std::min<int64_t>(5, logits.size(1));
  const at::Tensor nearest = std::get<1>(logits.topk(five, 1)).contiguous();  // (N, 5)
  const int64_t* predicted = best.data_ptr<int64_t>();
  for (int64_t i = 0; i < score.total; ++i) {
    const auto label = static_cast<size_t>(items[static_cast<size_t>(set.kept[size_t(i)])].label);
    score.predictions.push_back(predicted[i]);
    score.confidences.push_back(sure.data_ptr<float>()[i]);
    ++score.classes.at(label).total;
    const int64_t* top = nearest.data_ptr<int64_t>() + i * five;
    score.among_five += std::count(top, top + five, static_cast<int64_t>(label));
    ++score.classes.at(static_cast<size_t>(predicted[i])).predicted;
    if (static_cast<size_t>(predicted[i]) == label) {
      ++score.correct;
      ++score.classes[label].correct;
    }
  }
  return score;
}

std::vector<float> base_scores(const at::Tensor& logits) {
  const at::NoGradGuard no_grad;
  const int64_t base_classes = (logits.size(1) + 1) / 2;
  const at::Tensor best =  // (N)
      logits.softmax(1).narrow(1, 0, base_classes).amax(1).to(at::kFloat).contiguous();
  return {best.data_ptr<float>(), best.data_ptr<float>() + best.numel()};
}

}  // namespace qprompt
