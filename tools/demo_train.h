// Pretraining of the demo's CLIP.
#pragma once

#include <cstddef>
#include <cstdint>

#include "demo_bpe.h"
#include "demo_task.h"
#include "plain_clip.h"

namespace qprompt::demo {

struct PretrainOptions {
  int64_t steps = 2400;
  int64_t batch = 128;
  int64_t warmup_steps = 200;
  double learning_rate = 1.5e-3;  // AdamW, cosine to zero
  double weight_decay = 0.05;     // on matrices, not on embeddings, gains and biases
  double name_looks = 0.7;        // how often a caption names a look of its picture
  uint64_t seed = 1;
};

// Learns byte pairs from captions of random scenes and from the words of common prompts.
Bpe learn_vocabulary(size_t merges, double name_looks, uint64_t seed);

// Trains with CLIP's symmetric contrastive loss on pictures drawn from `range`; progress goes to
// standard error. Captions that are as true of a picture as its own are left out of its negatives.
void pretrain(plain::PlainClip& clip, const Bpe& bpe, const ImageRange& range,
              const PretrainOptions& options);

}  // namespace qprompt::demo
