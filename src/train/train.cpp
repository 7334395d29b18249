#include "qprompt/train.h"

#include <ATen/ATen.h>

#include <cmath>
#include <filesystem>

#include "train/noise.h"
#include "train/state.h"

namespace qprompt {
namespace {

/// Everything that stays the same over a run.
struct Run {
  const Clip& clip;
  const PromptLearner& learner;
  const TrainOptions& options;
  at::Tensor features;  // (V, N, E), normalised
  at::Tensor labels;    // (N) int64
  int64_t class_chunk;  // classes whose activations are kept at a time
};

int64_t choose_class_chunk(const Clip& clip, const PromptLearner& learner,
                           const TrainOptions& options) {
  Rng rng(options.seed);
  const PackedPrompts prompts = learner.prompts(learner.initial_values(rng));
  const auto classes = static_cast<int64_t>(prompts.classes.size());
  if (options.class_chunk > 0) return std::min(options.class_chunk, classes);
  return clip.class_chunk_within(prompts, options.memory_mb << 20);
}

Run prepare(const Clip& clip, const PromptLearner& learner, const TrainingData& data,
            const TrainOptions& options) {
  check_shape(data.features,
              {-1, static_cast<int64_t>(data.labels.size()), clip.config().embed_dim},
              "training features");
  if (data.labels.empty()) fail(ErrorKind::kContent, "there are no training images");
  check_finite(data.features, "training features");
  const at::Tensor norm = data.features.norm(2, -1, true).clamp_min(1e-12);  // (V, N, 1)
  return {clip,
          learner,
          options,
          data.features / norm,
          at::tensor(data.labels, at::kLong),
          choose_class_chunk(clip, learner, options)};
}

TrainState initial_state(const Run& run) {
  TrainState state;
  Rng rng(run.options.seed);
  state.values = run.learner.initial_values(rng);
  for (const at::Tensor& value : state.values) state.momentum.push_back(at::zeros_like(value));
  if (run.options.quantization == Quantization::kAware) {
    state.quantizers.assign(state.values.size(), Quantizer(run.options.quantizer));
  }
  return state;
}

/// One SGD step on the images `picked` (B) of `view` (N, E); returns the loss before it.
double step(const Run& run, TrainState& state, const at::Tensor& view, const at::Tensor& picked,
            double rate) {
  std::vector<at::Tensor> leaves, used;
  for (size_t i = 0; i < state.values.size(); ++i) {
    leaves.push_back(state.values[i].detach().requires_grad_(true));
    used.push_back(state.quantizers.empty() ? leaves[i] : state.quantizers[i].step(leaves[i]));
    if (run.options.noise > 0) {
      used[i] = used[i] +
                step_noise({run.options.seed, state.steps, i}, used[i].sizes(), run.options.noise);
    }
  }
  const at::Tensor loss =
      prompt_loss(run.clip, run.learner.prompts(used), view.index_select(0, picked),
                  run.labels.index_select(0, picked), run.class_chunk);
  loss.backward();
  const at::NoGradGuard no_grad;
  for (size_t i = 0; i < leaves.size(); ++i) {
    // SGD with momentum, no dampening; the decay is part of the gradient (torch.optim.SGD).
    const at::Tensor gradient = leaves[i].grad() + run.options.weight_decay * state.values[i];
    state.momentum[i].mul_(run.options.momentum).add_(gradient);
    state.values[i].add_(state.momentum[i], -rate);
  }
  ++state.steps;
  return loss.item<double>();
}

/// Order of the images in an epoch: depends on seed and epoch only, so that a resumed run needs no
/// generator state.
std::vector<int64_t> epoch_order(uint64_t seed, int64_t epoch, int64_t count) {
  Rng rng((seed << 20) ^ static_cast<uint64_t>(epoch) ^ 0x5eedu);
  return rng.permutation(count);
}

EpochRecord train_epoch(const Run& run, TrainState& state, int64_t epoch) {
  const int64_t count = run.labels.size(0);
  const int64_t batch = std::min(run.options.batch, count);
  const at::Tensor order =
      at::tensor(epoch_order(run.options.seed, epoch, count), at::kLong);  // (N)
  const at::Tensor view = run.features[epoch % run.features.size(0)];      // (N, E)
  EpochRecord record{learning_rate_at(run.options, epoch), 0};
  const int64_t steps = count / batch;  // a smaller last batch is dropped, as Dassl does
  for (int64_t s = 0; s < steps; ++s) {
    const double loss =
        step(run, state, view, order.narrow(0, s * batch, batch), record.learning_rate);
    if (!std::isfinite(loss)) {
      fail(ErrorKind::kContent, "the loss is ", loss, " at step ", s + 1, " of epoch ", epoch + 1,
           "; a smaller --lr may help");
    }
    record.loss += loss / static_cast<double>(steps);
  }
  return record;
}

StoredTensor stored(const ParameterSpec& spec, const at::Tensor& value, Quantizer* quantizer,
                    const TrainOptions& options) {
  StoredTensor out;
  out.name = spec.name;
  out.shape = spec.shape;
  const at::Tensor flat = value.contiguous().view(-1);  // (N)
  const std::span<const float> values(flat.data_ptr<float>(), static_cast<size_t>(flat.numel()));
  if (options.quantization == Quantization::kNone) {
    out.bits = options.plain_bits;
    out.plain.assign(values.begin(), values.end());
    if (out.bits == 16) {
      for (float& v : out.plain) v = from_half(to_half(v));
    }
    return out;
  }
  out.bits = options.quantizer.bits;
  out.quantized =
      quantizer != nullptr ? quantizer->store(value) : quantize_once(values, options.quantizer);
  return out;
}

TrainResult finish(const Run& run, TrainState& state) {
  TrainResult result;
  const auto specs = run.learner.parameters();
  for (size_t i = 0; i < specs.size(); ++i) {
    Quantizer* quantizer = state.quantizers.empty() ? nullptr : &state.quantizers[i];
    result.tensors.push_back(stored(specs[i], state.values[i], quantizer, run.options));
    if (quantizer != nullptr) result.reclusterings.push_back({specs[i].name, quantizer->events()});
  }
  result.epochs = state.epochs;
  result.steps = state.steps;
  result.class_chunk = run.class_chunk;
  return result;
}

/// Tells the observer how the run stands, from copies: `store` may fit a quantizer's first centres.
void show(const Run& run, const TrainState& state) {
  if (!run.options.observe) return;
  const auto specs = run.learner.parameters();
  std::vector<Quantizer> quantizers = state.quantizers;
  TrainSnapshot snapshot{static_cast<int64_t>(state.epochs.size()), {}, {}};
  for (size_t i = 0; i < specs.size(); ++i) {
    Quantizer* quantizer = quantizers.empty() ? nullptr : &quantizers[i];
    snapshot.tensors.push_back(stored(specs[i], state.values[i], quantizer, run.options));
    snapshot.values.push_back(state.values[i].clone());
  }
  run.options.observe(snapshot);
}

}  // namespace

at::Tensor prompt_loss(const Clip& clip, const PackedPrompts& prompts, const at::Tensor& image,
                       const at::Tensor& labels, int64_t class_chunk) {
  const at::Tensor text = clip.encode_text(prompts, class_chunk);          // (C, E)
  const at::Tensor unit = text / text.norm(2, -1, true).clamp_min(1e-12);  // (C, E)
  const at::Tensor logits =
      clip.logit_scale() * at::mm(image.to(unit.device()), unit.t());  // (B, C)
  return at::cross_entropy_loss(logits, labels.to(unit.device()));
}

TrainResult train_prompt(const Clip& clip, const PromptLearner& learner, const TrainingData& data,
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
    state.epochs.push_back(train_epoch(run, state, epoch));
    show(run, state);
    log.progress("training", epoch + 1, options.epochs);
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
