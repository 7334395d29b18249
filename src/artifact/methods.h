// Private to `artifact`: which tensors a prompt of each method has (docs/artifact.md).
#pragma once

#include <string>
#include <vector>

#include "qprompt/artifact.h"

namespace qprompt::artifact {

/// What the head says of the method. Throws Error(kContent): an unknown method, a class-specific
/// context that is not CoOp's, a depth or a class position that the method cannot have.
void check_method(const TrainedPrompt& prompt);

/// Names, order and shapes of the tensors. Throws Error(kContent) naming the first tensor that is
/// missing, out of place, too many or of another shape.
void check_tensors(const TrainedPrompt& prompt);

}  // namespace qprompt::artifact
