// What an interrupted training needs to go on to the same bytes. Private to the room.
#pragma once

#include <ATen/core/Tensor.h>

#include <optional>
#include <string>
#include <vector>

#include "learner/learner.h"
#include "qprompt/train.h"

namespace qprompt {

struct TrainState {
  std::vector<at::Tensor> values;                    ///< each float32, a parameter's shape
  std::vector<at::Tensor> momentum;                  ///< likewise; zeros before the first step
  std::vector<std::optional<Quantizer>> quantizers;  ///< one a parameter; none where it stays plain
  std::vector<EpochRecord> epochs;                   ///< finished ones
  int64_t steps = 0;
};

/// Atomic. Throws kPath.
void save_state(const Resume& resume, const Learner& learner, const TrainState& state);
/// False when there is no checkpoint. Throws kContent when it is damaged or of another run.
bool load_state(const Resume& resume, const Learner& learner, TrainState& state);

}  // namespace qprompt
