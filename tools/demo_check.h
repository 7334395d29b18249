// Measures the demo's CLIP on the downstream task: zero-shot, and after plain CoOp training.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "demo_bpe.h"
#include "demo_task.h"
#include "plain_clip.h"

namespace qprompt::demo {

struct HalfAccuracies {  // per cent
  double base = 0;
  double fresh = 0;  // the new classes
};

// Zero-shot accuracy on each half among the classes of that half.
HalfAccuracies zero_shot(plain::PlainClip& clip, const Bpe& bpe, const TaskSplit& split,
                         const std::string& prompt_template);

// CoOp as its authors train it: 4 context rows from "a photo of a", SGD 0.002 with momentum 0.9 and
// weight decay 5e-4, batch 32, 50 epochs, the first at 1e-5, then cosine; on the base half of
// `train`. Pictures are not augmented. Returns the accuracies on `test`.
HalfAccuracies coop(plain::PlainClip& clip, const Bpe& bpe, const TaskSplit& train,
                    const TaskSplit& test, uint64_t seed);

}  // namespace qprompt::demo
