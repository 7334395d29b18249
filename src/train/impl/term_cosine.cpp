#include "base/aten.h"
#include "train/impl/objective.h"

namespace qprompt::train {

/// 1 − mean over the classes of cos(text, the frozen CLIP's text) (Yao et al., "Visual-Language
/// Prompt Tuning with Knowledge-guided Context Optimization").
at::Tensor cosine_text_term(const TermInput& input) {
  return 1 - (input.text * input.teacher_text).sum(1).mean();
}

}  // namespace qprompt::train
