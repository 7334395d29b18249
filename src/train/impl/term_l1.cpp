#include "base/aten.h"
#include "train/impl/objective.h"

namespace qprompt::train {

/// Mean of |image − the frozen CLIP's image| (Khattak et al., "Self-regulating
/// Prompts").
at::Tensor l1_image_term(const TermInput& input) {
  return (input.image - input.teacher_image).abs().mean();
}

/// Mean of |text − the frozen CLIP's text| ("Self-regulating Prompts").
at::Tensor l1_text_term(const TermInput& input) {
  return (input.text - input.teacher_text).abs().mean();
}

}  // namespace qprompt::train
