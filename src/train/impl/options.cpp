#include "train/options.h"

#include <cmath>

namespace qprompt {

namespace {

Field class_chunk_field(int64_t& target) {
  Field number = number_field("class-chunk", "", target, {1, 1'000'000});
  number.help = "classes whose activations are kept at a time; auto: as many as --memory allows";
  return {number.name, number.help,
          [&target] { return target == 0 ? "auto" : std::to_string(target); },
          [&target, number](const std::string& text) {
            if (text == "auto") {
              target = 0;
            } else {
              number.parse(text);
            }
          }};
}

void append_fields(Fields& all, Fields more) {
  for (Field& field : more) all.push_back(std::move(field));
}

Fields optimizer_fields(TrainOptions& options) {
  OptimizerOptions& optimizer = options.optimizer;
  return {
      choice_field("optimizer", "sgd, adam (decay as L2 in the gradient) or adamw", optimizer.kind,
                   {"sgd", "adam", "adamw"}),
      number_field("lr", "learning rate", options.learning_rate, {0, 1e6}),
      text_field("tensor-lr", "learning rates of single tensors, NAME=RATE with commas",
                 options.tensor_rates),
      number_field("momentum", "momentum of sgd", optimizer.momentum, {0, 1}),
      number_field("weight-decay", "weight decay", optimizer.weight_decay, {0, 1e6}),
      number_field("adam-beta1", "decay of adam's mean of gradients", optimizer.beta1,
                   {0, 0.9999999}),
      number_field("adam-beta2", "decay of adam's mean of squares", optimizer.beta2,
                   {0, 0.9999999}),
      number_field("adam-eps", "adam's epsilon", optimizer.epsilon, {0, 1}),
      choice_field("lr-change", "when the cosine of the rate moves on: epoch, step",
                   options.rate_change, {"epoch", "step"}),
      number_field("warmup-epochs", "epochs at the warm-up rate; 0: none", options.warmup_epochs,
                   {0, 100'000}),
      number_field("warmup-lr", "learning rate of the warm-up", options.warmup_rate, {0, 1e6}),
  };
}

}  // namespace

Fields train_fields(TrainOptions& options) {
  Fields all = {
      number_field("epochs", "passes over the training images", options.epochs, {1, 100'000}),
      number_field("batch", "images a step", options.batch, {1, 1'000'000}),
  };
  append_fields(all, optimizer_fields(options));
  append_fields(
      all,
      {choice_field("selection",
                    "what is stored: the last epoch, or the best on the validation images: last, "
                    "validation",
                    options.selection, {"last", "validation"}),
       number_field("noise", "deviation of Gaussian noise on the learned values of a step; 0: none",
                    options.noise, {0, 1e6}),
       class_chunk_field(options.class_chunk),
       number_field("memory", "MiB that the activations of a step may take", options.memory_mb,
                    {1, 1'000'000}),
       text_field("quantized-tensors",
                  "which tensors are quantized, names with commas; empty: all but biases",
                  options.quantized_tensors),
       number_field("plain-bits", "how unquantized values are stored: 16 or 32", options.plain_bits,
                    {16, 32}),
       number_field("checkpoint-seconds",
                    "the most work that a kill loses; 0: a checkpoint after every step",
                    options.checkpoint_seconds, {0, 1e9})});
  return all;
}

void check_options(const TrainOptions& options) {
  const TrainOptions defaults;
  const OptimizerOptions &given = options.optimizer, &usual = defaults.optimizer;
  if (options.plain_bits != 16 && options.plain_bits != 32) {
    fail(ErrorKind::kUsage, "plain-bits is ", options.plain_bits, "; give 16 or 32");
  }
  if (!std::isfinite(options.noise) || options.noise < 0) {
    fail(ErrorKind::kUsage, "noise is ", options.noise, "; give a deviation of 0 or more");
  }
  if (given.kind != OptimizerKind::kSgd && given.momentum != usual.momentum) {
    fail(ErrorKind::kUsage, "momentum is sgd's; adam and adamw take adam-beta1 in its place");
  }
  if (given.kind == OptimizerKind::kSgd &&
      (given.beta1 != usual.beta1 || given.beta2 != usual.beta2 ||
       given.epsilon != usual.epsilon)) {
    fail(ErrorKind::kUsage,
         "adam-beta1, adam-beta2 and adam-eps are of no use to sgd; give --optimizer adam or "
         "adamw, or leave them out");
  }
  if (options.warmup_epochs == 0 && options.warmup_rate != defaults.warmup_rate) {
    fail(ErrorKind::kUsage, "warmup-lr is ", options.warmup_rate,
         ", and there is no warm-up; leave it out, or give --warmup-epochs");
  }
}

// Dassl's ConstantWarmupScheduler before CosineAnnealingLR: the cosine is stepped from the end of
// the warm-up on its own epoch count, so it starts at the full rate and never reaches zero.
double learning_rate_at(const TrainOptions& options, double base, double epoch) {
  const auto warmup = static_cast<double>(options.warmup_epochs);
  if (epoch < warmup) return options.warmup_rate;
  const double pi = 3.14159265358979323846;
  const double progress = (epoch - warmup) / static_cast<double>(options.epochs);
  return base * 0.5 * (1.0 + std::cos(pi * progress));
}

}  // namespace qprompt
