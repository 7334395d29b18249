#include "train/impl/run.h"

#include <algorithm>

#include "base/aten.h"
#include "train/impl/optimizer.h"
#include "train/impl/quantized.h"

namespace qprompt::train {
namespace {

ImageList image_list(const Clip& clip, const LabelledImages& images, bool pixels,
                     const std::string& what) {
  ImageList list;
  list.labels = at::tensor(images.labels, at::kLong);
  if (pixels) {
    if (!images.pixels) {
      fail(ErrorKind::kUsage,
           "this method learns in the image tower, so it needs the images' pixels and not their "
           "features");
    }
    list.pixels = images.pixels;
    return list;
  }
  check_shape(images.features, {-1, list.count(), clip.config().embed_dim}, what + " features");
  check_finite(images.features, what + " features");
  list.features = images.features / images.features.norm(2, -1, true).clamp_min(1e-12);
  return list;
}

/// Features (C, E) of texts that stay as they are, encoded once; undefined where they are learned.
at::Tensor fixed_texts(const Clip& clip, const Learner& learner, uint64_t seed) {
  const at::NoGradGuard no_grad;
  Rng rng(seed);
  const PackedPrompts prompts = learner.prompts(learner.initial_values(rng));
  return prompts.learned.defined() ? at::Tensor() : clip.encode_text(prompts);
}

/// The frozen texts (C, E) of length one that terms compare with; undefined where none does.
at::Tensor teacher_rows(const Clip& clip, const Objective& objective, const TrainingData& data) {
  if (!objective.reads_teacher_text()) return {};
  if (!data.teacher_texts.defined()) {
    fail(ErrorKind::kUsage,
         "a term of the objective compares with the frozen CLIP's texts, and none were given");
  }
  check_shape(data.teacher_texts, {-1, clip.config().embed_dim}, "frozen text features");
  return data.teacher_texts / data.teacher_texts.norm(2, -1, true).clamp_min(1e-12);
}

Storing storing_of(const Learner& learner, const std::vector<bool>& chosen,
                   const TrainOptions& options) {
  Storing storing{learner.parameters(), chosen, options.plain_bits, options.quantizer};
  if (options.quantization == Quantization::kNone) storing.in_codes.assign(chosen.size(), false);
  return storing;
}

}  // namespace

Batch ImageList::batch(const std::vector<int64_t>& picked, int64_t epoch) const {
  const at::Tensor index = at::tensor(picked, at::kLong);  // (B)
  Batch out{{}, {}, labels.index_select(0, index)};
  if (features.defined()) {
    out.features = features[epoch % features.size(0)].index_select(0, index);
  } else {
    out.pixels = pixels(picked, epoch);
  }
  return out;
}

Run prepare_run(const Clip& clip, const Learner& learner, const TrainingData& data,
                const TrainOptions& options) {
  check_options(options);
  if (data.labels.empty()) fail(ErrorKind::kContent, "there are no training images");
  const bool select = options.selection == Selection::kValidation;
  if (select && data.validation.labels.empty()) {
    fail(ErrorKind::kContent,
         "selection is 'validation', and there are no validation images to select by; give some, "
         "or --selection last");
  }
  const bool pixels = learner.method().reads == Reads::kPixels;
  const auto specs = learner.parameters();
  Objective objective = make_objective(learner.options());
  const auto chosen = choose_quantized(specs, options.quantized_tensors);
  const Chunks chunks = choose_chunks(clip, learner, options.class_chunk, options.memory_mb << 20);
  Run run{options,
          {clip, learner, chunks, fixed_texts(clip, learner, options.seed),
           teacher_rows(clip, objective, data)},
          objective,
          storing_of(learner, chosen, options),
          chosen,
          tensor_rates(specs, options.learning_rate, options.tensor_rates),
          image_list(clip, data, pixels, "training"),
          select ? image_list(clip, data.validation, pixels, "validation") : ImageList{}};
  run.batch = std::min(options.batch, run.train.count());
  run.per_epoch = run.train.count() / run.batch;  // a smaller last batch is dropped, as Dassl does
  return run;
}

std::vector<int64_t> epoch_order(uint64_t seed, int64_t epoch, int64_t count) {
  Rng rng((seed << 20) ^ static_cast<uint64_t>(epoch) ^ 0x5eedu);
  return rng.permutation(count);
}

}  // namespace qprompt::train
