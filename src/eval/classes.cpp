#include <ATen/ATen.h>

#include <algorithm>

#include "qprompt/eval.h"
#include "qprompt/prompt.h"
#include "qprompt/weights.h"

namespace qprompt {
namespace {

ContextOptions context_of(const TrainedPrompt& prompt) {
  ContextOptions options;
  options.n_ctx = prompt.n_ctx;
  options.init_words.clear();
  options.position = static_cast<ClassPosition>(prompt.position);
  options.class_specific = prompt.class_specific;
  return options;
}

/// The learned values as the file holds them, in the learner's order.
std::vector<at::Tensor> stored_values(const TrainedPrompt& prompt, const PromptLearner& learner) {
  std::vector<at::Tensor> values;
  for (const ParameterSpec& spec : learner.parameters()) {
    const StoredTensor& tensor = prompt.tensor(spec.name);
    if (tensor.shape != spec.shape) {
      fail(ErrorKind::kContent, "the prompt's tensor '", spec.name,
           "' has another shape than this model and these classes need");
    }
    values.push_back(at::tensor(tensor.values(), at::kFloat).view(spec.shape));
  }
  return values;
}

}  // namespace

void check_belongs(const Clip& clip, const TrainedPrompt& prompt, const std::string& name) {
  if (prompt.fingerprint == clip.fingerprint()) return;
  fail(ErrorKind::kContent, "'", name,
       "' was trained on another CLIP: the prompt's fingerprint is ", to_hex(prompt.fingerprint),
       ", this model's is ", to_hex(clip.fingerprint()),
       "; give the model that it was trained on with --clip");
}

at::Tensor class_matrix(const Clip& clip, const TrainedPrompt& prompt,
                        const std::vector<std::string>& class_names) {
  const at::NoGradGuard no_grad;
  check_belongs(clip, prompt, prompt.dataset.empty() ? "the prompt" : prompt.dataset);
  if (prompt.class_specific && prompt.class_names != class_names) {
    fail(ErrorKind::kContent, "this prompt has a context of its own for each of the ",
         prompt.class_names.size(),
         " classes it was trained with, so it cannot score other classes; train with "
         "--class-specific false to use a prompt on new classes");
  }
  const auto learner = make_coop(clip, class_names, context_of(prompt));
  return clip.encode_text(learner->prompts(stored_values(prompt, *learner)));  // (C, E)
}

at::Tensor zero_shot_matrix(const Clip& clip, const std::vector<std::string>& class_names,
                            const std::vector<std::string>& templates) {
  const at::NoGradGuard no_grad;
  if (templates.empty()) fail(ErrorKind::kUsage, "zero-shot needs at least one template");
  at::Tensor sum;  // (C, E)
  for (const std::string& text : templates) {
    if (text.find("{}") == std::string::npos) {
      fail(ErrorKind::kUsage, "the template '", text, "' has no {} for the class name");
    }
    std::vector<std::string> texts;
    for (const std::string& name : class_names) texts.push_back(fill_template(text, name));
    const at::Tensor features = clip.encode_text(pack_texts(clip, texts));           // (C, E)
    const at::Tensor unit = features / features.norm(2, -1, true).clamp_min(1e-12);  // (C, E)
    // One template keeps CLIP's own, unnormalised features; several are averaged on the sphere.
    sum = templates.size() == 1 ? features : (sum.defined() ? sum + unit : unit);
  }
  if (templates.size() == 1) return sum;
  return sum / sum.norm(2, -1, true).clamp_min(1e-12);
}

}  // namespace qprompt
