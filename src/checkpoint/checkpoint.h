// From a path to one checkpoint of known layout and sizes, and on to canonical tensors.
#pragma once

#include <string>

#include "clip/architecture.h"

namespace qprompt::clip {

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

/// Sizes of a file with OpenAI's names, from its shapes alone. Faults are appended, not thrown, as
/// far as sizes can still be told.
Architecture infer_openai(const WeightStore& store, std::string& faults);

/// Whether a file has the names of SLIP's checkpoints (facebookresearch/SLIP, models.py).
bool is_slip(const WeightStore& store);

/// A SLIP or a CLIP trained beside it: its names changed to canonical ones, the head of the
/// self-supervised loss left out. Only a ViT has this layout.
Checkpoint open_slip(WeightStore store);

/// Sizes from Hugging Face's `config.json` and the preprocessor's file, if there is one.
Architecture read_hugging_face_config(const std::string& folder);

/// Sizes from `open_clip_config.json`.
Architecture read_open_clip_config(const std::string& folder);

}  // namespace qprompt::clip
