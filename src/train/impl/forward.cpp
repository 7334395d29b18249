#include "train/impl/forward.h"

#include <cmath>

#include "base/aten.h"
#include "train/train.h"

namespace qprompt::train {
namespace {

at::Tensor unit_rows(const at::Tensor& rows) {
  return rows / rows.norm(2, -1, true).clamp_min(1e-12);
}

bool reads_pixels(const Learner& learner) { return learner.method().reads == Reads::kPixels; }

/// Features of both sides as terms read them: texts (C, E) of any length, images (B, E) of length
/// one. The logits are still to be made.
TermInput match(const Clip& clip, const at::Tensor& texts, const at::Tensor& image,
                const at::Tensor& labels) {
  TermInput input;
  input.text = unit_rows(texts);
  input.image = image.to(input.text.device());
  input.labels = labels.to(input.text.device());
  input.logit_scale = clip.logit_scale();
  return input;
}

void add_logits(const Model& model, const std::vector<at::Tensor>& values, Phase phase,
                TermInput& input) {
  input.logits =
      model.learner.logits(values, {input.image, input.text, input.logit_scale}, phase);
}

at::Tensor encode_texts(const Model& model, const PackedPrompts& prompts) {
  return model.clip.encode_text(prompts, model.chunks.classes);
}

/// The class texts (C, E) that all images share.
at::Tensor common_texts(const Model& model, const std::vector<at::Tensor>& values) {
  return model.texts.defined() ? model.texts : encode_texts(model, model.learner.prompts(values));
}

/// Features (B, E) of length one.
at::Tensor image_rows(const Model& model, const std::vector<at::Tensor>& values,
                      const Batch& batch) {
  if (!reads_pixels(model.learner)) return batch.features;
  const ImagePrompts rows = model.learner.image_prompts(values);
  return unit_rows(model.clip.encode_image(batch.pixels, rows, model.chunks.images));
}

/// What terms compare with: the frozen CLIP's features of the same images and classes.
void add_teacher(const Model& model, const Objective& objective, const Batch& batch,
                 TermInput& input) {
  if (objective.reads_teacher_text()) {
    input.teacher_text = model.teacher_texts.to(input.text.device());
  }
  if (!objective.reads_teacher_image()) return;
  const at::NoGradGuard no_grad;
  if (batch.features.defined()) {
    input.teacher_image = input.image;
  } else {
    const at::Tensor frozen = model.clip.encode_image(batch.pixels);  // (B, E)
    input.teacher_image = unit_rows(frozen).to(input.text.device());
  }
}

TermInput forward_all(const Model& model, const std::vector<at::Tensor>& values, Phase phase,
                      const Batch& batch) {
  const at::Tensor image = image_rows(model, values, batch);  // (B, E)
  TermInput input = match(model.clip, common_texts(model, values), image, batch.labels);
  add_logits(model, values, phase, input);
  return input;
}

/// Image b alone, whose class texts are its own.
TermInput forward_one(const Model& model, const std::vector<at::Tensor>& values, Phase phase,
                      const Batch& batch, int64_t b) {
  const PackedPrompts prompts = model.learner.prompts_for(values, batch.features[b]);
  TermInput input = match(model.clip, encode_texts(model, prompts), batch.features.narrow(0, b, 1),
                          batch.labels.narrow(0, b, 1));
  add_logits(model, values, phase, input);
  return input;
}

/// Takes the gradients off the leaves and adds them to `total`; a leaf without one counts as zeros.
void collect(const std::vector<at::Tensor>& leaves, Gradients& total) {
  total.resize(leaves.size());
  for (size_t i = 0; i < leaves.size(); ++i) {
    at::Tensor& gradient = leaves[i].mutable_grad();  // as the leaf
    if (!gradient.defined()) gradient = at::zeros_like(leaves[i]);
    total[i] = total[i].defined() ? total[i] + gradient : gradient;
    gradient = at::Tensor();
  }
}

/// Goes back through one input, group by group, and returns the first group's loss, or one that is
/// not finite: the graph stays until the last group is through. The input is one of `images`.
double backward_groups(const Objective& objective, const TermInput& input, double images,
                       const std::vector<at::Tensor>& leaves, std::vector<Gradients>& by_group) {
  double first = 0;
  for (size_t g = 0; g < objective.groups.size(); ++g) {
    const at::Tensor loss = group_loss(objective.groups[g], input);  // ()
    const bool last = g + 1 == objective.groups.size();
    (images == 1 ? loss : loss / images).backward({}, !last);
    const double value = loss.item<double>() / images;
    if (g == 0 || !std::isfinite(value)) first = value;
    collect(leaves, by_group[g]);
  }
  return first;
}

}  // namespace

Chunks choose_chunks(const Clip& clip, const Learner& learner, int64_t classes, int64_t bytes) {
  Rng rng(1);
  const auto values = learner.initial_values(rng);
  const PackedPrompts prompts = learner.prompts(values);
  const auto all = static_cast<int64_t>(prompts.classes.size());
  const bool both = reads_pixels(learner) && prompts.learned.defined();
  const int64_t share = both ? bytes / 2 : bytes;
  Chunks chunks;
  chunks.classes = classes > 0 ? std::min(classes, all) : clip.class_chunk_within(prompts, share);
  if (reads_pixels(learner)) {
    chunks.images = clip.image_chunk_within(learner.image_prompts(values), share);
  }
  return chunks;
}

Step gradients_of(const Model& model, const Objective& objective,
                  const std::vector<at::Tensor>& leaves, const Batch& batch) {
  Step step;
  std::vector<Gradients> by_group(objective.groups.size());
  if (model.learner.method().text_by_image) {
    const int64_t images = batch.labels.size(0);
    for (int64_t b = 0; b < images; ++b) {
      TermInput input = forward_one(model, leaves, Phase::kTrain, batch, b);
      add_teacher(model, objective, batch, input);
      step.loss += backward_groups(objective, input, static_cast<double>(images), leaves, by_group);
    }
  } else {
    TermInput input = forward_all(model, leaves, Phase::kTrain, batch);
    add_teacher(model, objective, batch, input);
    step.loss = backward_groups(objective, input, 1, leaves, by_group);
  }
  step.gradients = objective.rule(by_group, objective.strength);
  return step;
}

int64_t count_right(const Model& model, const std::vector<at::Tensor>& values, const Batch& batch) {
  const at::NoGradGuard no_grad;
  if (!model.learner.method().text_by_image) {
    const at::Tensor logits = forward_all(model, values, Phase::kSeen, batch).logits;  // (B, C)
    return logits.argmax(1).eq(batch.labels.to(logits.device())).sum().item<int64_t>();
  }
  int64_t right = 0;
  for (int64_t b = 0; b < batch.labels.size(0); ++b) {
    const at::Tensor logits = forward_one(model, values, Phase::kSeen, batch, b).logits;  // (1, C)
    right += logits.argmax(1).item<int64_t>() == batch.labels[b].item<int64_t>() ? 1 : 0;
  }
  return right;
}

}  // namespace qprompt::train

namespace qprompt {

at::Tensor prompt_loss(const Clip& clip, const PackedPrompts& prompts, const at::Tensor& image,
                       const at::Tensor& labels, int64_t class_chunk) {
  const at::Tensor texts = clip.encode_text(prompts, class_chunk);  // (C, E)
  train::TermInput input = train::match(clip, texts, image, labels);
  input.logits = input.logit_scale * at::mm(input.image, input.text.t());
  return train::cross_entropy_term(input);
}

}  // namespace qprompt
