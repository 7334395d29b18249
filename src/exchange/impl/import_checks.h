// Whether a checkpoint fits the model that it is imported for. Private to the room.
#pragma once

#include "exchange/import.h"

namespace qprompt {

/// Every width and depth that the model can contradict; throws kContent naming both.
void check_sizes(const TrainerCheckpoint& found, const ClipConfig& clip,
                 const ImportOptions& options);

/// CoOp's names of the released models, where they tell one apart by its shape.
void check_backbone(const TrainerLog& log, const ClipConfig& clip, const ImportOptions& options,
                    Findings& findings);

}  // namespace qprompt
