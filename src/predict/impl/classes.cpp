#include <algorithm>

#include "base/aten.h"
#include "qprompt/eval.h"
#include "qprompt/prompt.h"
#include "qprompt/weights.h"

namespace qprompt {
namespace {

/// The learner that the prompt says it is of. What would be a wrong option in training is here a
/// file that does not fit its model.
std::unique_ptr<PromptLearner> learner_of(const Clip& clip, const TrainedPrompt& prompt,
                                          const std::vector<std::string>& class_names) {
  try {
    return make_learner(clip, class_names, prompt.options());
  } catch (const Error& e) {
    if (e.kind() != ErrorKind::kUsage) throw;
    fail(ErrorKind::kContent, "this ", prompt.row().label,
         " prompt does not fit its model; the file is damaged: ", e.what());
  }
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

struct PromptedClasses::Impl {
  Clip clip;
  std::unique_ptr<PromptLearner> learner;
  std::vector<at::Tensor> values;
  ImagePrompts image;
  at::Tensor classes;  // (C, E), not normalised; undefined where each image has its own
};

PromptedClasses::PromptedClasses(const Clip& clip, const TrainedPrompt& prompt,
                                 const std::vector<std::string>& class_names) {
  const at::NoGradGuard no_grad;
  check_belongs(clip, prompt, prompt.dataset.empty() ? "the prompt" : prompt.dataset);
  if (prompt.bound_to_classes() && prompt.class_names != class_names) {
    fail(ErrorKind::kContent, "this ", prompt.row().label, " prompt is bound to the ", prompt.class_names.size(),
         " classes that it was trained with, so it cannot score others; train one that is not, "
         "with --class-specific false for instance");
  }
  auto impl = std::make_shared<Impl>(Impl{clip, nullptr, {}, {}, {}});
  impl->learner = learner_of(clip, prompt, class_names);
  impl->values = stored_values(prompt, *impl->learner);
  impl->image = impl->learner->image_prompts(impl->values);
  if (!impl->learner->method().text_by_image) {
    impl->classes = clip.encode_text(impl->learner->prompts(impl->values)).cpu();
  }
  impl_ = std::move(impl);
}

const ImagePrompts& PromptedClasses::image_prompts() const { return impl_->image; }

at::Tensor PromptedClasses::logits(const at::Tensor& image) const {
  const at::NoGradGuard no_grad;
  const Impl& in = *impl_;
  if (in.classes.defined()) return class_logits(in.clip, image, in.classes);
  check_shape(image, {-1, in.clip.config().embed_dim}, "image features");
  const at::Tensor unit = image / image.norm(2, -1, true).clamp_min(1e-12);  // (N, E)
  std::vector<at::Tensor> rows;                                              // N of (1, C)
  for (int64_t i = 0; i < image.size(0); ++i) {
    const PackedPrompts prompts = in.learner->prompts_for(in.values, unit[i]);
    const at::Tensor classes = in.clip.encode_text(prompts).cpu();  // (C, E)
    rows.push_back(class_logits(in.clip, image.narrow(0, i, 1), classes));
  }
  const auto count = static_cast<int64_t>(in.learner->prompts(in.values).classes.size());
  return rows.empty() ? at::empty({0, count}) : at::cat(rows, 0);
}

at::Tensor PromptedClasses::matrix() const {
  if (impl_->classes.defined()) return impl_->classes;
  fail(ErrorKind::kContent,
       "the class features of a ", impl_->learner->method().label,
       " prompt differ from image to image, so there is no matrix of them");
}

at::Tensor class_matrix(const Clip& clip, const TrainedPrompt& prompt,
                        const std::vector<std::string>& class_names) {
  return PromptedClasses(clip, prompt, class_names).matrix();
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
