// Private to `artifact`: which tensors a prompt of each method has (docs/artifact.md).
#pragma once

#include <string>
#include <vector>

#include "qprompt/artifact.h"

namespace qprompt::artifact {

/// One axis of an expected tensor, by its letter in docs/notation.md. The head says C, M and D; W
/// (image tower's width), V (vision rows), H (hidden) and E (joint width) come from the tensors.
struct ExpectedAxis {
  char letter;
  int64_t size;  ///< 0: whatever the first tensor with this letter has
};

struct ExpectedTensor {
  std::string name;
  std::vector<ExpectedAxis> axes;
};

/// The tensors of a prompt with this head, in the order of the file. How many `vision.*` an IVLP
/// prompt has follows from the number of its tensors.
std::vector<ExpectedTensor> expected_tensors(const TrainedPrompt& prompt);

/// What the head says of the method. Throws Error(kContent): an unknown method, a class-specific
/// context that is not CoOp's, a depth or a class position that the method cannot have.
void check_method(const TrainedPrompt& prompt);

/// Names, order and shapes of the tensors. Throws Error(kContent) naming the first tensor that is
/// missing, out of place, too many or of another shape.
void check_tensors(const TrainedPrompt& prompt);

}  // namespace qprompt::artifact
