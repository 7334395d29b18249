// What the plain learners share: a frozen CLIP from a state dict, and padded texts.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "plain_baseline.h"
#include "plain_clip.h"

namespace qprompt::plain {

// `state` carries OpenAI's names; sizes come from its shapes, a ViT is expected. The weights are
// shared, not copied, and require no gradients. Throws c10::Error on a missing or wrongly shaped
// tensor.
PlainClip frozen_clip(const std::map<std::string, at::Tensor>& state, bool quick_gelu);

// Start token, room for `n_ctx` rows, the class's ids, end token, zeros. Throws c10::Error on a
// class that is too long.
CoopTexts padded_texts(const PlainClipConfig& config,
                       const std::vector<std::vector<int64_t>>& names, int64_t n_ctx);

}  // namespace qprompt::plain
