// From a path to one checkpoint of known layout and sizes, and on to canonical tensors.
#pragma once

#include <string>

#include "checkpoint/architecture.h"

namespace qprompt::checkpoint {

enum class Layout { kOpenAi, kHuggingFace, kOpenClip };

/// What a path holds. OpenCLIP's and OpenAI's names are the canonical ones.
struct Checkpoint {
  Layout layout = Layout::kOpenAi;
  Architecture architecture;
  WeightStore store;
  std::string faults;  ///< contradictions already found; they join those of `canonicalise`
};

/// Tells the layout of a file or folder and reads it. Throws kPath or kContent.
Checkpoint open_checkpoint(const std::string& path);

/// Checks every tensor and gives the canonical ones as float32: in place where the file already
/// holds them so, converted one by one elsewhere. Missing, unexpected, wrongly shaped and
/// non-finite tensors are listed in full in one kContent error.
Tensors canonicalise(Checkpoint checkpoint);

}  // namespace qprompt::checkpoint
