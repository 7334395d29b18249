// The loss of a batch and its gradients, for every kind of learner. Private to the room.
#pragma once

#include <ATen/core/Tensor.h>

#include <vector>

#include "qprompt/clip.h"
#include "learner/learner.h"

namespace qprompt {

/// Images of one step: features, or pixels where the learner prompts images.
struct Batch {
  at::Tensor features;  ///< (B, E), normalised
  at::Tensor pixels;    ///< (B, 3, R, R), normalised
  at::Tensor labels;    ///< (B) int64
  at::Tensor texts;     ///< (C, E) features of the classes where no text is learned, else undefined
};

/// How much is kept for backward at a time.
struct Chunks {
  int64_t classes = 0, images = 0;
};

/// Chunks within the bytes, each tower taking half where both learn. `classes` > 0: as given.
Chunks choose_chunks(const Clip& clip, const Learner& learner, int64_t classes,
                     int64_t bytes);

/// The loss of the batch; its gradient is added to that of `leaves`, the learner's values. A
/// conditional learner goes back image by image, so that memory does not grow with the batch.
double accumulate_gradients(const Clip& clip, const Learner& learner,
                            const std::vector<at::Tensor>& leaves, const Batch& batch,
                            const Chunks& chunks);

}  // namespace qprompt
