// Where a training stands at a step's border: all that an interrupted one needs to go on to the
// same bytes. Private to the room.
#pragma once

#include <ATen/core/Tensor.h>

#include <optional>
#include <string>
#include <vector>

#include "learner/learner.h"
#include "train/impl/optimizer.h"
#include "train/train.h"

namespace qprompt::train {

/// Values in the order of the learner's parameters, with what quantizes them.
struct Weights {
  std::vector<at::Tensor> values;                    ///< each float32, a parameter's shape
  std::vector<std::optional<Quantizer>> quantizers;  ///< one a parameter; none where it stays plain
};

/// The epoch that did best on the validation images so far.
struct BestEpoch {
  int64_t epoch = 0;  ///< finished epochs then; 0: none yet
  int64_t right = -1;
  Weights weights;
};

struct TrainState {
  Weights now;
  std::vector<Moments> moments;  ///< one a parameter
  int64_t steps = 0;
  std::vector<EpochRecord> epochs;  ///< finished ones
  double epoch_loss = 0;            ///< of the epoch that is not finished: Σ loss / its steps
  BestEpoch best;
};

/// A copy that shares no tensor.
Weights copy_of(const Weights& weights);

/// Atomic. Throws kPath.
void save_state(const Resume& resume, const Learner& learner, const TrainState& state);
/// Before another run takes the place: removes a checkpoint of other settings, or a damaged one.
void remove_other_checkpoint(const Resume& resume);
/// False when there is no checkpoint. Throws kContent when it is damaged, of another run or of
/// another format.
bool load_state(const Resume& resume, const Learner& learner, TrainState& state);

}  // namespace qprompt::train
