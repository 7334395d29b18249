// The learners besides CoOp. Private to the room; `make_learner` is its door.
#pragma once

#include "qprompt/prompt.h"

namespace qprompt::prompt {

/// A CoOp context that a small network shifts by each image: π = W₂ relu(W₁ v̂ + b₁) + b₂, added to
/// every context row. Zhou et al., "Conditional Prompt Learning for Vision-Language Models", §3.2.
std::unique_ptr<PromptLearner> make_cocoop(const Clip& clip,
                                           const std::vector<std::string>& class_names,
                                           const ContextOptions& options);

/// MaPLe, IVLP, VPT and deep text: rows that are learned anew for each of the first J blocks of one
/// tower or both. Khattak et al., "MaPLe: Multi-modal Prompt Learning", §3.2, and its code, which
/// keeps the words behind the first M as they are.
std::unique_ptr<PromptLearner> make_deep(const Clip& clip,
                                         const std::vector<std::string>& class_names,
                                         const ContextOptions& options);

}  // namespace qprompt::prompt
