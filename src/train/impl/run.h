// Everything that stays the same over one training, checked once. Private to the room.
#pragma once

#include <ATen/core/Tensor.h>

#include <functional>
#include <string>
#include <vector>

#include "train/impl/forward.h"
#include "train/impl/store.h"
#include "train/train.h"

namespace qprompt::train {

/// A list of images as batches are taken from it.
struct ImageList {
  at::Tensor features;  ///< (V, N, E), normalised; undefined where pixels are read
  at::Tensor labels;    ///< (N) int64
  std::function<at::Tensor(const std::vector<int64_t>& items, int64_t epoch)> pixels;

  int64_t count() const { return labels.defined() ? labels.size(0) : 0; }
  /// The images `picked`, as epoch `epoch` sees them.
  Batch batch(const std::vector<int64_t>& picked, int64_t epoch) const;
};

struct Run {
  const TrainOptions& options;
  Model model;
  Objective objective;
  Storing storing;
  std::vector<bool> chosen;   ///< tensors that are quantized, and those that noise is added to
  std::vector<double> rates;  ///< base rate of each tensor
  ImageList train, validation;
  int64_t batch = 0;      ///< images a step
  int64_t per_epoch = 0;  ///< steps

  int64_t total_steps() const { return options.epochs * per_epoch; }
  const Learner& learner() const { return model.learner; }
};

/// Throws kUsage on options that contradict each other or the learner, kContent on data that are
/// missing or not finite.
Run prepare_run(const Clip& clip, const Learner& learner, const TrainingData& data,
                const TrainOptions& options);

/// Order of the images in an epoch: depends on seed and epoch only, so that a resumed run needs no
/// generator state.
std::vector<int64_t> epoch_order(uint64_t seed, int64_t epoch, int64_t count);

}  // namespace qprompt::train
