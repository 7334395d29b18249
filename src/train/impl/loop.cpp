#include "train/impl/loop.h"

#include <cmath>

#include "base/aten.h"
#include "base/runtime.h"
#include "train/impl/noise.h"
#include "train/impl/run.h"
#include "train/impl/state.h"

namespace qprompt::train {
namespace {

/// A run at work.
struct Training {
  const Run& run;
  TrainState state;
  Findings findings = {};
  int64_t kept_steps = -1;  ///< of the checkpoint on disk; -1: there is none
  double kept_at = 0;       ///< when it was written, or the run began

  const TrainOptions& options() const { return run.options; }
};

TrainState initial_state(const Run& run) {
  TrainState state;
  Rng rng(run.options.seed);
  state.now.values = run.learner().initial_values(rng);
  for (const at::Tensor& value : state.now.values) {
    state.moments.push_back(zero_moments(run.options.optimizer, value));
  }
  state.now.quantizers.resize(state.now.values.size());
  if (run.options.quantization != Quantization::kAware) return state;
  for (size_t i = 0; i < run.chosen.size(); ++i) {
    if (run.chosen[i]) state.now.quantizers[i].emplace(run.options.quantizer);
  }
  return state;
}

/// The values that a step's loss is taken at: quantized where they are, with noise where there is.
std::vector<at::Tensor> step_leaves(const Run& run, TrainState& state) {
  std::vector<at::Tensor> leaves;
  for (size_t i = 0; i < state.now.values.size(); ++i) {
    const at::Tensor& value = state.now.values[i];
    auto& quantizer = state.now.quantizers[i];
    at::Tensor used = quantizer ? quantizer->step(value) : value;  // as `value`
    if (run.options.noise > 0 && run.chosen[i]) {
      used = used + step_noise({run.options.seed, state.steps, i}, used.sizes(), run.options.noise);
    }
    leaves.push_back(used.detach().requires_grad_(true));
  }
  return leaves;
}

/// Epochs that are behind the next step, with their fraction where the rate changes by the step.
double schedule_position(const Run& run, int64_t steps) {
  if (run.options.rate_change == RateChange::kEpoch) {
    return static_cast<double>(steps / run.per_epoch);
  }
  return static_cast<double>(steps) / static_cast<double>(run.per_epoch);
}

/// Ends a run whose numbers went wrong; the last checkpoint is older than that, and stays.
[[noreturn]] void fail_diverged(const Training& training, const std::string& what, double rate) {
  const Run& run = training.run;
  const int64_t steps = training.state.steps;
  const std::string kept = training.kept_steps < 0
                               ? std::string("there is no checkpoint")
                               : cat("the last good checkpoint, '", training.options().resume.path,
                                     "', is after step ", training.kept_steps);
  fail(ErrorKind::kContent, what, " at step ", steps + 1, " (", steps % run.per_epoch + 1,
       " of epoch ", steps / run.per_epoch + 1, ", learning rate ", rate,
       "); no prompt was written, and ", kept, "; a smaller --lr may help");
}

void check_values(const Training& training, double rate) {
  const auto specs = training.run.learner().parameters();
  for (size_t i = 0; i < specs.size(); ++i) {
    const at::Tensor& value = training.state.now.values[i];
    // A sum is cheaper, and finite unless a value is not, or nearly.
    if (std::isfinite(value.sum().item<double>()) || value.isfinite().all().item<bool>()) continue;
    fail_diverged(training, cat("the values of '", specs[i].name, "' stop being finite"), rate);
  }
}

/// One step of the optimizer; returns the loss before it. Quantization is straight-through: the
/// gradient at W_q is taken as that of W.
double take_step(Training& training, const Batch& batch, double rate) {
  const Run& run = training.run;
  TrainState& state = training.state;
  const std::vector<at::Tensor> leaves = step_leaves(run, state);
  const Step step = gradients_of(run.model, run.objective, leaves, batch);
  if (!std::isfinite(step.loss)) fail_diverged(training, cat("the loss is ", step.loss), rate);
  const at::NoGradGuard no_grad;
  const double position = schedule_position(run, state.steps);
  for (size_t i = 0; i < leaves.size(); ++i) {
    const StepSize size{learning_rate_at(run.options, run.rates[i], position), state.steps + 1};
    optimizer_step(run.options.optimizer, size, step.gradients[i], state.now.values[i],
                   state.moments[i]);
  }
  check_values(training, rate);
  return step.loss;
}

/// How many validation images the tensors classify right, read as from their file.
int64_t validate(const Run& run, const std::vector<StoredTensor>& tensors) {
  constexpr int64_t kImagesAtOnce = 64;
  std::vector<at::Tensor> values;
  for (const StoredTensor& tensor : tensors) {
    values.push_back(at::tensor(tensor.values(), at::kFloat).view(tensor.shape));
  }
  int64_t right = 0;
  for (int64_t first = 0; first < run.validation.count(); first += kImagesAtOnce) {
    std::vector<int64_t> items;
    for (int64_t i = first; i < std::min(first + kImagesAtOnce, run.validation.count()); ++i) {
      items.push_back(i);
    }
    right += count_right(run.model, values, run.validation.batch(items, 0));
  }
  return right;
}

/// Keeps this epoch when it does better on the validation images than every one before it.
void select_epoch(Training& training) {
  if (training.options().selection != Selection::kValidation) return;
  TrainState& state = training.state;
  Weights weights = state.now;  // storing may fit a quantizer's first centres, so of a copy
  const int64_t right = validate(training.run, store_all(training.run.storing, weights));
  if (right <= state.best.right) return;
  state.best = {static_cast<int64_t>(state.epochs.size()), right, copy_of(weights)};
}

void report_epoch(const Training& training, const FileOf& file_of) {
  Observer* observer = training.options().observer;
  if (observer == nullptr) return;
  const TrainState& state = training.state;
  EpochReport report;
  report.epoch = static_cast<int64_t>(state.epochs.size());
  report.epochs = training.options().epochs;
  report.steps = state.steps;
  if (!state.epochs.empty()) {
    report.learning_rate = state.epochs.back().learning_rate;
    report.loss = state.epochs.back().loss;
  }
  if (file_of) {
    report.prompt = [&] {
      Weights copy = state.now;
      return file_of(store_all(training.run.storing, copy), false);
    };
    report.exact_prompt = [&] {
      return file_of(store_exact(training.run.storing, state.now), true);
    };
  }
  observer->epoch(report);
}

void keep(Training& training) {
  const TrainOptions& options = training.options();
  if (options.resume.path.empty()) return;
  save_state(options.resume, training.run.learner(), training.state);
  training.kept_steps = training.state.steps;
  training.kept_at = now_seconds();
}

/// Asks the observer. Whoever lost the lease writes nothing more: the checkpoint is another's.
void ask_observer(Training& training) {
  const TrainOptions& options = training.options();
  if (options.observer == nullptr) return;
  const int64_t steps = training.state.steps, total = training.run.total_steps();
  const Stop stop = options.observer->step("training", steps, total);
  if (stop == Stop::kNo) return;
  if (stop != Stop::kLeaseLost) keep(training);
  if (training.kept_steps < 0) {
    throw stopped(stop, cat("step ", steps, " of ", total,
                            " was done, and nothing of it is kept, for no folder was given"));
  }
  throw stopped(stop,
                cat("the checkpoint '", options.resume.path, "' holds step ", training.kept_steps,
                    " of ", total, ", and the same command goes on from there"));
}

void train_epoch(Training& training) {
  const Run& run = training.run;
  TrainState& state = training.state;
  const int64_t epoch = state.steps / run.per_epoch;
  const auto order = epoch_order(run.options.seed, epoch, run.train.count());
  double rate = 0;
  for (int64_t s = state.steps % run.per_epoch; s < run.per_epoch; ++s) {
    const auto first = order.begin() + s * run.batch;
    rate = learning_rate_at(run.options, run.options.learning_rate,
                            schedule_position(run, state.steps));
    const Batch batch = run.train.batch({first, first + run.batch}, epoch);
    const double loss = take_step(training, batch, rate);
    state.epoch_loss += loss / static_cast<double>(run.per_epoch);
    ++state.steps;
    if (s + 1 == run.per_epoch) break;  // the epoch's end belongs to its last step
    if (now_seconds() - training.kept_at >= run.options.checkpoint_seconds) keep(training);
    ask_observer(training);
  }
  state.epochs.push_back({rate, state.epoch_loss});
  state.epoch_loss = 0;
  select_epoch(training);
}

TrainResult finish(Training& training, int64_t resumed) {
  const Run& run = training.run;
  TrainState& state = training.state;
  const bool best = run.options.selection == Selection::kValidation;
  TrainResult result;
  result.tensors = store_all(run.storing, best ? state.best.weights : state.now);
  for (size_t i = 0; i < state.now.quantizers.size(); ++i) {
    if (!state.now.quantizers[i]) continue;
    result.reclusterings.push_back({result.tensors[i].name, state.now.quantizers[i]->events()});
  }
  result.epochs = state.epochs;
  result.steps = state.steps;
  result.selected_epoch = best ? state.best.epoch : static_cast<int64_t>(state.epochs.size());
  result.class_chunk = run.model.chunks.classes;
  result.image_chunk = run.model.chunks.images;
  result.resumed_steps = resumed;
  result.findings = training.findings;
  return result;
}

void begin_training(Training& training) {
  const Run& run = training.run;
  training.kept_at = now_seconds();
  if (run.batch < run.options.batch) {
    const std::string text =
        cat("a step takes all ", run.batch, " images, for there are fewer than the batch of ",
            run.options.batch);
    training.findings.push_back({"shortened", text, false});
  }
  if (!load_state(run.options.resume, run.learner(), training.state)) return;
  training.kept_steps = training.state.steps;
  const Finding resumed{"resumed",
                        cat("resuming after step ", training.state.steps, " of ", run.total_steps(),
                            " from '", run.options.resume.path, "'"),
                        false};
  training.findings.push_back(resumed);
  if (run.options.observer != nullptr) run.options.observer->finding(resumed);
}

}  // namespace

TrainResult run_training(const Clip& clip, const Learner& learner, const TrainingData& data,
                         const TrainOptions& options, const FileOf& file_of) {
  const double started = now_seconds();
  const Run run = prepare_run(clip, learner, data, options);
  Training training{run, initial_state(run)};
  begin_training(training);
  const int64_t resumed = training.state.steps;
  // Inside an epoch the borders before it were told by the process that got there.
  if (resumed % run.per_epoch == 0) report_epoch(training, file_of);
  while (training.state.steps < run.total_steps()) {
    train_epoch(training);
    report_epoch(training, file_of);
    if (now_seconds() - training.kept_at >= options.checkpoint_seconds) keep(training);
    ask_observer(training);
  }
  TrainResult result = finish(training, resumed);
  result.train_seconds = now_seconds() - started;
  return result;
}

}  // namespace qprompt::train

namespace qprompt {

TrainResult train_prompt(const Clip& clip, const Learner& learner, const TrainingData& data,
                         const TrainOptions& options) {
  return train::run_training(clip, learner, data, options, nullptr);
}

}  // namespace qprompt
