#include "qprompt/train.h"

#include <cmath>
#include <functional>

#include "base/aten.h"
#include "train/loss.h"
#include "train/noise.h"
#include "train/quantized.h"
#include "train/state.h"

namespace qprompt {
namespace {

/// Everything that stays the same over a run.
struct Run {
  const Clip& clip;
  const Learner& learner;
  const TrainOptions& options;
  const TrainingData& data;
  at::Tensor features;  // (V, N, E), normalised; undefined where pixels are read
  at::Tensor labels;    // (N) int64
  at::Tensor texts;     // (C, E) where no text is learned, else undefined
  Chunks chunks;
  std::vector<bool> chosen;  // tensors that are quantized, and those that noise is added to
};

at::Tensor prepare_features(const Clip& clip, const TrainingData& data) {
  check_shape(data.features,
              {-1, static_cast<int64_t>(data.labels.size()), clip.config().embed_dim},
              "training features");
  check_finite(data.features, "training features");
  return data.features / data.features.norm(2, -1, true).clamp_min(1e-12);
}

/// Features (C, E) of texts that stay as they are, encoded once; undefined where they are learned.
at::Tensor fixed_texts(const Clip& clip, const Learner& learner, uint64_t seed) {
  const at::NoGradGuard no_grad;
  Rng rng(seed);
  const PackedPrompts prompts = learner.prompts(learner.initial_values(rng));
  return prompts.learned.defined() ? at::Tensor() : clip.encode_text(prompts);
}

Run prepare(const Clip& clip, const Learner& learner, const TrainingData& data,
            const TrainOptions& options) {
  if (data.labels.empty()) fail(ErrorKind::kContent, "there are no training images");
  const bool pixels = learner.method().reads == Reads::kPixels;
  if (pixels && !data.pixels) {
    fail(ErrorKind::kUsage,
         "this method learns in the image tower, so it needs the images' pixels and not their "
         "features");
  }
  return {clip,
          learner,
          options,
          data,
          pixels ? at::Tensor() : prepare_features(clip, data),
          at::tensor(data.labels, at::kLong),
          fixed_texts(clip, learner, options.seed),
          choose_chunks(clip, learner, options.class_chunk, options.memory_mb << 20),
          choose_quantized(learner.parameters(), options.quantized_tensors)};
}

TrainState initial_state(const Run& run) {
  TrainState state;
  Rng rng(run.options.seed);
  state.values = run.learner.initial_values(rng);
  for (const at::Tensor& value : state.values) state.momentum.push_back(at::zeros_like(value));
  state.quantizers.resize(state.values.size());
  if (run.options.quantization != Quantization::kAware) return state;
  for (size_t i = 0; i < run.chosen.size(); ++i) {
    if (run.chosen[i]) state.quantizers[i].emplace(run.options.quantizer);
  }
  return state;
}

/// One SGD step; returns the loss before it. Quantization is straight-through: the gradient at W_q
/// is taken as that of W.
double step(const Run& run, TrainState& state, const Batch& batch, double rate) {
  std::vector<at::Tensor> leaves;
  for (size_t i = 0; i < state.values.size(); ++i) {
    const at::Tensor& value = state.values[i];
    at::Tensor used = state.quantizers[i] ? state.quantizers[i]->step(value) : value;
    if (run.options.noise > 0 && run.chosen[i]) {
      used = used + step_noise({run.options.seed, state.steps, i}, used.sizes(), run.options.noise);
    }
    leaves.push_back(used.detach().requires_grad_(true));
  }
  const double loss = accumulate_gradients(run.clip, run.learner, leaves, batch, run.chunks);
  const at::NoGradGuard no_grad;
  for (size_t i = 0; i < leaves.size(); ++i) {
    // SGD with momentum, no dampening; the decay is part of the gradient (torch.optim.SGD).
    const at::Tensor gradient = leaves[i].grad() + run.options.weight_decay * state.values[i];
    state.momentum[i].mul_(run.options.momentum).add_(gradient);
    state.values[i].add_(state.momentum[i], -rate);
  }
  ++state.steps;
  return loss;
}

/// Order of the images in an epoch: depends on seed and epoch only, so that a resumed run needs no
/// generator state.
std::vector<int64_t> epoch_order(uint64_t seed, int64_t epoch, int64_t count) {
  Rng rng((seed << 20) ^ static_cast<uint64_t>(epoch) ^ 0x5eedu);
  return rng.permutation(count);
}

/// The images `picked` of an epoch.
Batch take_batch(const Run& run, const std::vector<int64_t>& picked, int64_t epoch) {
  const at::Tensor index = at::tensor(picked, at::kLong);  // (B)
  Batch batch{{}, {}, run.labels.index_select(0, index), run.texts};
  if (run.features.defined()) {
    batch.features = run.features[epoch % run.features.size(0)].index_select(0, index);
  } else {
    batch.pixels = run.data.pixels(picked, epoch);
  }
  return batch;
}

/// `bar` is told of every step: an epoch of a method that learns in the image tower is long.
EpochRecord train_epoch(const Run& run, TrainState& state, int64_t epoch,
                        const std::function<void(int64_t step, int64_t steps)>& bar) {
  const int64_t count = run.labels.size(0);
  const int64_t batch = std::min(run.options.batch, count);
  const auto order = epoch_order(run.options.seed, epoch, count);
  EpochRecord record{learning_rate_at(run.options, epoch), 0};
  const int64_t steps = count / batch;  // a smaller last batch is dropped, as Dassl does
  for (int64_t s = 0; s < steps; ++s) {
    const auto first = order.begin() + s * batch;
    const Batch taken = take_batch(run, {first, first + batch}, epoch);
    const double loss = step(run, state, taken, record.learning_rate);
    if (!std::isfinite(loss)) {
      fail(ErrorKind::kContent, "the loss is ", loss, " at step ", s + 1, " of epoch ", epoch + 1,
           "; a smaller --lr may help");
    }
    record.loss += loss / static_cast<double>(steps);
    bar(s + 1, steps);
  }
  return record;
}

StoredTensor stored(const ParameterSpec& spec, const at::Tensor& value, bool in_codes,
                    std::optional<Quantizer>& quantizer, const TrainOptions& options) {
  StoredTensor out;
  out.name = spec.name;
  out.shape = spec.shape;
  const at::Tensor flat = value.contiguous().view(-1);  // (N)
  const std::span<const float> values(flat.data_ptr<float>(), static_cast<size_t>(flat.numel()));
  if (!in_codes) {
    out.bits = options.plain_bits;
    out.plain.assign(values.begin(), values.end());
    if (out.bits == 16) {
      for (float& v : out.plain) v = from_half(to_half(v));
    }
    return out;
  }
  out.bits = options.quantizer.bits;
  out.quantized = quantizer ? quantizer->store(value) : quantize_once(values, options.quantizer);
  return out;
}

/// The tensors as they would be written now; `quantizers` may fit their first centres.
std::vector<StoredTensor> store_all(const Run& run, const std::vector<at::Tensor>& values,
                                    std::vector<std::optional<Quantizer>>& quantizers) {
  const auto specs = run.learner.parameters();
  const bool codes = run.options.quantization != Quantization::kNone;
  std::vector<StoredTensor> tensors;
  for (size_t i = 0; i < specs.size(); ++i) {
    tensors.push_back(
        stored(specs[i], values[i], codes && run.chosen[i], quantizers[i], run.options));
  }
  return tensors;
}

TrainResult finish(const Run& run, TrainState& state) {
  TrainResult result;
  result.tensors = store_all(run, state.values, state.quantizers);
  for (size_t i = 0; i < state.quantizers.size(); ++i) {
    if (!state.quantizers[i]) continue;
    result.reclusterings.push_back({result.tensors[i].name, state.quantizers[i]->events()});
  }
  result.epochs = state.epochs;
  result.steps = state.steps;
  result.class_chunk = run.chunks.classes;
  result.image_chunk = run.chunks.images;
  return result;
}

/// Tells the observer how the run stands, from copies: `store` may fit a quantizer's first centres.
void show(const Run& run, const TrainState& state) {
  if (!run.options.observe) return;
  auto quantizers = state.quantizers;
  TrainSnapshot snapshot{static_cast<int64_t>(state.epochs.size()), {}, {}};
  snapshot.tensors = store_all(run, state.values, quantizers);
  for (const at::Tensor& value : state.values) snapshot.values.push_back(value.clone());
  run.options.observe(snapshot);
}

}  // namespace

TrainResult train_prompt(const Clip& clip, const Learner& learner, const TrainingData& data,
                         const TrainOptions& options, Log& log) {
  if (options.plain_bits != 16 && options.plain_bits != 32) {
    fail(ErrorKind::kUsage, "plain-bits is ", options.plain_bits, "; give 16 or 32");
  }
  if (!std::isfinite(options.noise) || options.noise < 0) {
    fail(ErrorKind::kUsage, "noise is ", options.noise, "; give a deviation of 0 or more");
  }
  const double started = now_seconds();
  const Run run = prepare(clip, learner, data, options);
  TrainState state = initial_state(run);
  if (load_state(options.resume, learner, state)) {
    log.note(
        cat("resuming after epoch ", state.epochs.size(), " from '", options.resume.path, "'"));
  }
  const auto resumed = static_cast<int64_t>(state.epochs.size());
  double saved = now_seconds();
  show(run, state);
  for (int64_t epoch = resumed; epoch < options.epochs; ++epoch) {
    const auto bar = [&](int64_t done, int64_t steps) {
      log.progress("training", epoch * steps + done, options.epochs * steps);
    };
    state.epochs.push_back(train_epoch(run, state, epoch, bar));
    show(run, state);
    if (!options.resume.path.empty() && now_seconds() - saved >= options.checkpoint_seconds) {
      save_state(options.resume, learner, state);
      saved = now_seconds();
    }
  }
  TrainResult result = finish(run, state);
  result.resumed_epoch = resumed;
  result.train_seconds = now_seconds() - started;
  return result;
}

}  // namespace qprompt
