// The context's values over training. Private to the room.
#pragma once

#include <cstdint>
#include <vector>

#include "report/study.h"

namespace qprompt::study {

using ValuesOverEpochs = std::vector<std::vector<float>>;  ///< the values (N) at each watched epoch

/// `seeds`: one a seed, each at `watched_epochs(epochs)`.
StudyWeights describe_weights(const std::vector<ValuesOverEpochs>& seeds, int64_t epochs);

}  // namespace qprompt::study
