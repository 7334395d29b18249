// One maker a learner, by the word that a method's row names. Private to the room; `make_learner`
// is its door.
#pragma once

#include "qprompt/prompt.h"

namespace qprompt::prompt {

using ClassNames = std::vector<std::string>;

/// A text context: SOT, context, class name, ".", EOT. Zhou et al., "Learning to Prompt for
/// Vision-Language Models", §3.2, and its code (trainers/coop.py).
std::unique_ptr<PromptLearner> make_context(const Clip& clip, const ClassNames& class_names,
                                            const MethodOptions& options);

/// A context that a small network shifts by each image: π = W₂ relu(W₁ v̂ + b₁) + b₂, added to every
/// context row. Zhou et al., "Conditional Prompt Learning for Vision-Language Models", §3.2.
std::unique_ptr<PromptLearner> make_conditional(const Clip& clip, const ClassNames& class_names,
                                                const MethodOptions& options);

/// Rows that are learned anew for each of the first J blocks of one tower or both, those of the
/// image tower being projections of the text's where the tensors say so. Khattak et al., "MaPLe:
/// Multi-modal Prompt Learning", §3.2, and its code, which keeps the words behind the first M.
std::unique_ptr<PromptLearner> make_deep(const Clip& clip, const ClassNames& class_names,
                                         const MethodOptions& options);

}  // namespace qprompt::prompt
