#include "base/aten.h"
#include "train/impl/objective.h"

namespace qprompt::train {
namespace {

/// KL(q ‖ p) of each image and class, (B, C): q of the frozen CLIP, p of what is learned.
at::Tensor divergence(const TermInput& input) {
  const at::Tensor teacher =
      input.logit_scale * at::mm(input.teacher_image, input.teacher_text.t());  // (B, C)
  const at::Tensor log_q = at::log_softmax(teacher, 1);                         // (B, C)
  return log_q.exp() * (log_q - at::log_softmax(input.logits, 1));
}

}  // namespace

/// Mean over the images (Zhu et al., "Prompt-aligned Gradient for Prompt Tuning"; the
/// entropy of q that it leaves out has no gradient).
at::Tensor kl_term(const TermInput& input) { return divergence(input).sum(1).mean(); }

/// Mean over images and classes (Khattak et al., "Self-regulating Prompts", as its published code
/// divides).
at::Tensor kl_elements_term(const TermInput& input) { return divergence(input).mean(); }

}  // namespace qprompt::train
