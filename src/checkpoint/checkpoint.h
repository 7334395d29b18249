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

/// Tells the layout of a file or folder and reads it. `said`, an activation ("quick_gelu" or
/// "gelu"), goes before what the files say; empty: the files'. Throws kPath or kContent, and kUsage
/// where a training checkpoint of OpenCLIP, which does not say its activation, comes without one.
Checkpoint open_checkpoint(const std::string& path, const std::string& said = "");

/// Checks every tensor and gives the canonical ones as float32: in place where the file already
/// holds them so, converted one by one elsewhere. Missing, unexpected, wrongly shaped and
/// non-finite tensors are listed in full in one kContent error.
Tensors canonicalise(Checkpoint checkpoint);

}  // namespace qprompt::checkpoint
