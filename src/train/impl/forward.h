// One batch through the towers: what the terms read, and the gradients, for every kind of learner.
// Private to the room.
#pragma once

#include <ATen/core/Tensor.h>

#include <vector>

#include "learner/learner.h"
#include "qprompt/clip.h"
#include "train/impl/objective.h"

namespace qprompt::train {

/// Images of one step: features, or pixels where the learner prompts images.
struct Batch {
  at::Tensor features;  ///< (B, E), normalised
  at::Tensor pixels;    ///< (B, 3, R, R), normalised
  at::Tensor labels;    ///< (B) int64
};

/// How much is kept for backward at a time.
struct Chunks {
  int64_t classes = 0, images = 0;
};
/// Chunks within the bytes, each tower taking half where both learn. `classes` > 0: as given.
Chunks choose_chunks(const Clip& clip, const Learner& learner, int64_t classes, int64_t bytes);

/// What turns values and images into logits, the same at every step.
struct Model {
  const Clip& clip;
  const Learner& learner;
  Chunks chunks;
  at::Tensor texts;          ///< (C, E) features where no text is learned, else undefined
  at::Tensor teacher_texts;  ///< (C, E) of length one; undefined unless a term reads them
};

/// Loss of a batch and one gradient a learned tensor.
struct Step {
  double loss = 0;  ///< of the first group
  Gradients gradients;
};
/// `leaves` are the learner's values, which require gradients. A conditional learner goes back
/// image by image, so that memory does not grow with the batch.
Step gradients_of(const Model& model, const Objective& objective,
                  const std::vector<at::Tensor>& leaves, const Batch& batch);

/// How many of the images the values classify as labelled; no graph.
int64_t count_right(const Model& model, const std::vector<at::Tensor>& values, const Batch& batch);

}  // namespace qprompt::train
