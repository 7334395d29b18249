#include "base/aten.h"
#include "train/impl/objective.h"

namespace qprompt::train {

/// The first group's gradient, less `strength` times its part along the second's where the two
/// point apart; a tensor at a time (Zhu et al., "Prompt-aligned Gradient for Prompt Tuning").
/// A second gradient of zero has no direction, so the first stays.
Gradients project_rule(const std::vector<Gradients>& by_group, double strength) {
  if (by_group.size() != 2) {
    fail(ErrorKind::kUsage, "the rule 'project' takes two groups of terms, and the objective has ",
         by_group.size());
  }
  Gradients out;
  for (size_t i = 0; i < by_group[0].size(); ++i) {
    const at::Tensor& gradient = by_group[0][i];  // any shape
    const at::Tensor& guide = by_group[1][i];     // likewise
    const double length = guide.norm().item<double>();
    const double along = length > 0 ? (gradient * guide).sum().item<double>() / length : 0;
    out.push_back(along < 0 ? gradient - (strength * along / length) * guide : gradient);
  }
  return out;
}

}  // namespace qprompt::train
