#include "base/aten.h"
#include "train/impl/objective.h"

namespace qprompt::train {

/// Mean over the images (CoOp, eq. 2).
at::Tensor cross_entropy_term(const TermInput& input) {
  return at::cross_entropy_loss(input.logits, input.labels);
}

}  // namespace qprompt::train
