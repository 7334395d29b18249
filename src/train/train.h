// One training: from labelled images and a learner to stored tensors.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "learner/learner.h"
#include "qprompt/artifact.h"
#include "qprompt/clip.h"
#include "train/options.h"

namespace qprompt {

/// Images and their classes: features (V, N, E), not normalised, of which epoch e reads view e mod
/// V; or pixels, for a learner that prompts images.
struct LabelledImages {
  at::Tensor features;          ///< (V, N, E) float32; undefined where pixels are read
  std::vector<int64_t> labels;  ///< N, each below the learner's number of classes
  /// Items of the list and an epoch → normalised pixels (B, 3, R, R).
  std::function<at::Tensor(const std::vector<int64_t>& items, int64_t epoch)> pixels;
};
/// What to learn from.
struct TrainingData : LabelledImages {
  LabelledImages validation;  ///< V = 1; what `Selection::kValidation` looks at, else not needed
  at::Tensor teacher_texts;   ///< (C, E) frozen text features, for the terms that read them
};

/// One epoch of the record.
struct EpochRecord {
  double learning_rate = 0, loss = 0;  ///< of its last step; mean of the first group's terms
};
struct TensorEvents {
  std::string tensor;
  std::vector<ReclusterEvent> events;
};
/// What a run leaves behind: stored tensors in the learner's order, and how it went.
struct TrainResult {
  std::vector<StoredTensor> tensors;
  std::vector<EpochRecord> epochs;
  std::vector<TensorEvents> reclusterings;
  int64_t steps = 0;
  int64_t selected_epoch = 0;  ///< whose state is stored, from 1
  int64_t class_chunk = 0;     ///< classes at a time, as given or chosen; C: all at once
  int64_t image_chunk = 0;     ///< images at a time where the image tower learns; 0 where not
  int64_t resumed_steps = 0;   ///< that came from a checkpoint
  double train_seconds = 0;    ///< of this process
  Findings findings;
};

/// Learns the learner's tensors. Deterministic: same inputs, threads and machine give the same
/// bytes, interrupted or not. Throws kContent when loss or values stop being finite; `stopped`, the
/// checkpoint written, when the observer says so.
TrainResult train_prompt(const Clip& clip, const Learner& learner, const TrainingData& data,
                         const TrainOptions& options);

/// The loss of one batch: mean cross-entropy of τ·cos(image, class) against the labels, a 0-d
/// tensor, differentiable in `prompts.learned` and in `image` (B, E), which is normalised; `labels`
/// (B) int64; `class_chunk` as for `Clip::encode_text`.
at::Tensor prompt_loss(const Clip& clip, const PackedPrompts& prompts, const at::Tensor& image,
                       const at::Tensor& labels, int64_t class_chunk = 0);

}  // namespace qprompt
