// The layouts of CLIP on disk, each recognised and brought to OpenAI's names. Private to the room.
#pragma once

#include "checkpoint/checkpoint.h"

namespace qprompt::checkpoint {

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

}  // namespace qprompt::checkpoint
