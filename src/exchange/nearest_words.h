// A learned context in words: what each row lies nearest to.
#pragma once

#include <string>
#include <vector>

#include "qprompt/artifact.h"
#include "qprompt/clip.h"

namespace qprompt {

struct NearWord {
  std::string word;
  double distance = 0;  ///< Euclidean, as CoOp's interpret_prompt.py measures it
};
/// Of each context row, nearest first.
using NearWords = std::vector<std::vector<NearWord>>;

/// The `count` vocabulary entries nearest to each row of the tensor "ctx". Throws kContent when the
/// prompt has none, or another width than the model.
NearWords nearest_words(const Clip& clip, const TrainedPrompt& prompt, int64_t count);

}  // namespace qprompt
