#include "predict/classes.h"

#include <algorithm>
#include <set>

#include "base/aten.h"
#include "learner/learner.h"
#include "learner/texts.h"
#include "qprompt/weights.h"

namespace qprompt {
namespace {

at::Tensor rows_of_length_one(const at::Tensor& rows) {
  return rows / rows.norm(2, -1, true).clamp_min(1e-12);
}

/// The learner that the prompt says it is of. What would be a wrong option in training is here a
/// file that does not fit its model.
std::unique_ptr<Learner> learner_of(const Clip& clip, const TrainedPrompt& prompt,
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
Values stored_values(const TrainedPrompt& prompt, const Learner& learner) {
  Values values;
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

/// Whether the file names all of these classes; one that names none does not say.
bool were_seen(const TrainedPrompt& prompt, const std::vector<std::string>& class_names) {
  const std::set<std::string> seen(prompt.class_names.begin(), prompt.class_names.end());
  return seen.empty() || std::all_of(class_names.begin(), class_names.end(),
                                     [&](const auto& name) { return seen.count(name) != 0; });
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
  std::unique_ptr<Learner> learner;
  Values values;
  ImagePrompts image;
  at::Tensor classes;      // (C, E), not normalised; undefined where each image has its own
  double temperature = 0;  // τ
  Phase phase = Phase::kSeen;
  bool zero_shot = false;  // classes that the rule leaves to the hand-written template
  int64_t count = 0;       // C

  at::Tensor logits(const at::Tensor& unit, const at::Tensor& texts) const {
    const HeadInput input{unit, rows_of_length_one(texts), temperature};
    return zero_shot ? temperature * at::mm(input.image, input.text.t())
                     : learner->logits(values, input, phase);
  }
};

PromptedClasses::PromptedClasses(const Clip& clip, const TrainedPrompt& prompt,
                                 const std::vector<std::string>& class_names) {
  const at::NoGradGuard no_grad;
  check_belongs(clip, prompt, prompt.dataset.empty() ? "the prompt" : prompt.dataset);
  if (prompt.bound_to_classes() && prompt.class_names != class_names) {
    fail(ErrorKind::kContent, "this ", prompt.row().label, " prompt is bound to the ",
         prompt.class_names.size(),
         " classes that it was trained with, so it cannot score others; train one that is not, "
         "with --class-specific false for instance");
  }
  auto impl = std::make_shared<Impl>(Impl{clip, learner_of(clip, prompt, class_names), {}, {}, {}});
  const bool seen = were_seen(prompt, class_names);
  impl->temperature = prompt.temperature > 0 ? prompt.temperature : clip.logit_scale();
  impl->phase = seen ? Phase::kSeen : Phase::kUnseen;
  impl->zero_shot = !seen && prompt.unseen_rule() == Unseen::kZeroShot;
  impl->count = static_cast<int64_t>(class_names.size());
  impl->values = stored_values(prompt, *impl->learner);
  if (impl->zero_shot) {
    impl->classes = zero_shot_matrix(clip, class_names, {"a photo of a {}."}).cpu();
    impl_ = std::move(impl);
    return;
  }
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
  check_shape(image, {-1, in.clip.config().embed_dim}, "image features");
  const at::Tensor unit = rows_of_length_one(image);  // (N, E)
  if (in.classes.defined()) return in.logits(unit, in.classes);
  std::vector<at::Tensor> rows;  // N of (1, C)
  for (int64_t i = 0; i < image.size(0); ++i) {
    const PackedPrompts prompts = in.learner->prompts_for(in.values, unit[i]);
    rows.push_back(in.logits(unit.narrow(0, i, 1), in.clip.encode_text(prompts).cpu()));
  }
  return rows.empty() ? at::empty({0, in.count}) : at::cat(rows, 0);
}

at::Tensor PromptedClasses::matrix() const {
  if (impl_->classes.defined()) return impl_->classes;
  fail(ErrorKind::kContent, "the class features of a ", impl_->learner->method().label,
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
    std::vector<std::string> texts;
    for (const std::string& name : class_names) texts.push_back(fill_template(text, name));
    const at::Tensor features = clip.encode_text(pack_texts(clip, texts));  // (C, E)
    const at::Tensor unit = rows_of_length_one(features);                   // (C, E)
    // One template keeps CLIP's own, unnormalised features; several are averaged on the sphere.
    sum = templates.size() == 1 ? features : (sum.defined() ? sum + unit : unit);
  }
  return templates.size() == 1 ? sum : rows_of_length_one(sum);
}

at::Tensor class_logits(const Clip& clip, const at::Tensor& image, const at::Tensor& classes) {
  check_shape(image, {-1, clip.config().embed_dim}, "image features");
  check_shape(classes, {-1, clip.config().embed_dim}, "class features");
  return clip.logit_scale() *
         at::mm(rows_of_length_one(image), rows_of_length_one(classes).t());  // (N, C)
}

}  // namespace qprompt
