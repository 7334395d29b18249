// The room `learner` by its old name.
#pragma once

#include "learner/learner.h"
#include "learner/texts.h"

namespace qprompt {
using PromptLearner = Learner;
}  // namespace qprompt
