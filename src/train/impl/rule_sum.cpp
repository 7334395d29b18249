#include "base/aten.h"
#include "train/impl/objective.h"

namespace qprompt::train {

Gradients sum_rule(const std::vector<Gradients>& by_group, double) {
  Gradients total = by_group.front();
  for (size_t g = 1; g < by_group.size(); ++g) {
    for (size_t i = 0; i < total.size(); ++i) total[i] = total[i] + by_group[g][i];
  }
  return total;
}

}  // namespace qprompt::train
