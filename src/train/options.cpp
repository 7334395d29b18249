#include <cmath>

#include "qprompt/train.h"

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

}  // namespace

Fields train_fields(TrainOptions& options) {
  return {
      number_field("epochs", "passes over the training images", options.epochs, {1, 100'000}),
      number_field("batch", "images a step", options.batch, {1, 1'000'000}),
      number_field("lr", "learning rate of SGD", options.learning_rate, {0, 1e6}),
      number_field("momentum", "momentum of SGD", options.momentum, {0, 1}),
      number_field("weight-decay", "weight decay of SGD", options.weight_decay, {0, 1e6}),
      number_field("warmup-epochs", "epochs at the warm-up rate", options.warmup_epochs,
                   {0, 100'000}),
      number_field("warmup-lr", "learning rate of the warm-up", options.warmup_rate, {0, 1e6}),
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
      number_field("checkpoint-seconds", "least time between checkpoints; 0: after every epoch",
                   options.checkpoint_seconds, {0, 1e9}),
  };
}

// Dassl's ConstantWarmupScheduler before CosineAnnealingLR: the cosine is stepped from the end of
// the warm-up on its own epoch count, so it starts at the full rate and never reaches zero.
double learning_rate_at(const TrainOptions& options, int64_t epoch) {
  if (epoch < options.warmup_epochs) return options.warmup_rate;
  const double pi = 3.14159265358979323846;
  const double progress =
      static_cast<double>(epoch - options.warmup_epochs) / static_cast<double>(options.epochs);
  return options.learning_rate * 0.5 * (1.0 + std::cos(pi * progress));
}

}  // namespace qprompt
