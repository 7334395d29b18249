// The training loop. Private to the room.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "train/train.h"

namespace qprompt::train {

/// The bytes of a file with these tensors; `exact`: they are float32, whatever the run's bits are.
using FileOf = std::function<std::string(const std::vector<StoredTensor>&, bool exact)>;

/// As `train_prompt`; `file_of`, where it is set, makes the prompts of `EpochReport`.
TrainResult run_training(const Clip& clip, const Learner& learner, const TrainingData& data,
                         const TrainOptions& options, const FileOf& file_of);

}  // namespace qprompt::train
