#include "train/loss.h"

#include "base/aten.h"
#include "qprompt/train.h"

namespace qprompt {
namespace {

at::Tensor unit_rows(const at::Tensor& rows) {
  return rows / rows.norm(2, -1, true).clamp_min(1e-12);
}

/// Mean cross-entropy of τ·cos: texts (C, E), images (B, E) of length one.
at::Tensor matching_loss(const Clip& clip, const at::Tensor& texts, const at::Tensor& image,
                         const at::Tensor& labels) {
  const at::Tensor unit = unit_rows(texts);
  const at::Tensor logits =
      clip.logit_scale() * at::mm(image.to(unit.device()), unit.t());  // (B, C)
  return at::cross_entropy_loss(logits, labels.to(unit.device()));
}

/// The same, of what the learner's head makes of them.
at::Tensor learner_loss(const Clip& clip, const Learner& learner,
                        const std::vector<at::Tensor>& leaves, const at::Tensor& texts,
                        const Batch& batch) {
  const at::Tensor unit = unit_rows(texts);
  const HeadInput input{batch.features.to(unit.device()), unit, clip.logit_scale()};
  const at::Tensor logits = learner.logits(leaves, input, Phase::kTrain);  // (B, C)
  return at::cross_entropy_loss(logits, batch.labels.to(unit.device()));
}

double conditional_gradients(const Clip& clip, const Learner& learner,
                             const std::vector<at::Tensor>& leaves, const Batch& batch,
                             const Chunks& chunks) {
  const int64_t images = batch.labels.size(0);
  double total = 0;
  for (int64_t b = 0; b < images; ++b) {
    const PackedPrompts prompts = learner.prompts_for(leaves, batch.features[b]);
    const Batch one{batch.features.narrow(0, b, 1), {}, batch.labels.narrow(0, b, 1), {}};
    const at::Tensor loss =
        learner_loss(clip, learner, leaves, clip.encode_text(prompts, chunks.classes), one);
    (loss / static_cast<double>(images)).backward();
    total += loss.item<double>() / static_cast<double>(images);
  }
  return total;
}

}  // namespace

at::Tensor prompt_loss(const Clip& clip, const PackedPrompts& prompts, const at::Tensor& image,
                       const at::Tensor& labels, int64_t class_chunk) {
  return matching_loss(clip, clip.encode_text(prompts, class_chunk), image, labels);
}

Chunks choose_chunks(const Clip& clip, const Learner& learner, int64_t classes,
                     int64_t bytes) {
  Rng rng(1);
  const auto values = learner.initial_values(rng);
  const PackedPrompts prompts = learner.prompts(values);
  const auto all = static_cast<int64_t>(prompts.classes.size());
  const bool both = learner.method().reads == Reads::kPixels && prompts.learned.defined();
  const int64_t share = both ? bytes / 2 : bytes;
  Chunks chunks;
  chunks.classes = classes > 0 ? std::min(classes, all) : clip.class_chunk_within(prompts, share);
  if (learner.method().reads == Reads::kPixels) {
    chunks.images = clip.image_chunk_within(learner.image_prompts(values), share);
  }
  return chunks;
}

double accumulate_gradients(const Clip& clip, const Learner& learner,
                            const std::vector<at::Tensor>& leaves, const Batch& batch,
                            const Chunks& chunks) {
  if (learner.method().text_by_image) return conditional_gradients(clip, learner, leaves, batch, chunks);
  Batch read = batch;
  if (learner.method().reads == Reads::kPixels) {
    const ImagePrompts rows = learner.image_prompts(leaves);
    read.features = unit_rows(clip.encode_image(batch.pixels, rows, chunks.images));
  }
  const at::Tensor texts =
      batch.texts.defined()
          ? batch.texts
          : clip.encode_text(learner.prompts(leaves), chunks.classes);  // (C, E)
  const at::Tensor loss = learner_loss(clip, learner, leaves, texts, read);
  loss.backward();
  return loss.item<double>();
}

}  // namespace qprompt
