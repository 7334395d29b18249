// How a model's files say that pictures are to be prepared. Private to the room.
#pragma once

#include <string>

#include "checkpoint/config.h"
#include "checkpoint/impl/json_fields.h"

namespace qprompt::checkpoint {

/// Hugging Face's `processor_config.json` with the image processor nested (version 5), or
/// `preprocessor_config.json`; nothing where there is neither. Every setting is taken over or
/// refused by its name (kContent); `config.image_size` is known.
void read_hf_preprocessor(const std::string& folder, ClipConfig& config);

/// OpenCLIP's `preprocess_cfg`, likewise.
void read_open_clip_preprocessor(const JsonFields& fields, ClipConfig& config);

}  // namespace qprompt::checkpoint
