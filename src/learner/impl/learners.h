// One maker a learner, by the word that a method's row names. Private to the room.
#pragma once

#include "learner/learner.h"

namespace qprompt::learner {

/// A text context: SOT, context, class name, ".", EOT. Zhou et al., "Learning to Prompt for
/// Vision-Language Models", §3.2, and its code (trainers/coop.py).
std::unique_ptr<Learner> make_context(const Start& start);

/// A context that a small network shifts by each image: π = W₂ relu(W₁ v̂ + b₁) + b₂, added to
/// every context row. Zhou et al., "Conditional Prompt Learning for Vision-Language Models", §3.2.
std::unique_ptr<Learner> make_conditional(const Start& start);

/// Rows that are learned anew for each of the first J blocks of one tower or both, those of the
/// image tower being projections of the text's where the tensors say so. Khattak et al., "MaPLe:
/// Multi-modal Prompt Learning", §3.2, and its code, which keeps the words behind the first M.
std::unique_ptr<Learner> make_deep(const Start& start);

/// A learner from outside: what it throws and what it gives in other shapes than its row declares
/// comes as kContent with the method's word.
std::unique_ptr<Learner> guarded(const Start& start, const LearnerMaker& make);

}  // namespace qprompt::learner
