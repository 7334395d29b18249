// Private to `artifact`: what a prompt's method lets it say (docs/artifact.md).
#pragma once

#include "qprompt/artifact.h"

namespace qprompt::artifact {

/// What the head says of the method. Throws Error(kContent): a method that is not here or leaves no
/// prompt behind, a context, depth or class position that it cannot have.
void check_method(const TrainedPrompt& prompt);

/// Settings: options that the row has, that the head does not say, in the row's order, in their
/// canonical form, and other than what the stored form means without them. Throws Error(kContent).
void check_settings(const TrainedPrompt& prompt);

/// Names, order and shapes of the tensors. Throws Error(kContent) naming the first tensor that is
/// missing, out of place, too many or of another shape.
void check_tensors(const TrainedPrompt& prompt);

}  // namespace qprompt::artifact
