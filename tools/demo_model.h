// The demo's CLIP: its sizes, its texts and pictures as tensors, and its file.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "demo_bpe.h"
#include "demo_files.h"
#include "plain_clip.h"

namespace qprompt::demo {

plain::PlainClipConfig demo_config(const Bpe& bpe);

// Texts -> ids (C, L), int64, padded with zeros to the longest.
torch::Tensor ids_of(const Bpe& bpe, const std::vector<std::string>& texts);

// Pictures -> pixels (B, 3, R, R), normalised with OpenAI's mean and standard deviation.
torch::Tensor pixels_of(const std::vector<Picture>& pictures);

// Scales the text tower's residual stream so that the embeddings of a prompt's words have about the
// size that they have in OpenAI's models (root mean square 0.018 for "a photo of a"). The function
// computed stays the same, but for the epsilon of layer norm: every reader of the stream normalises
// it first. What changes is how far a learning rate goes, and CoOp's usual one (0.002) suits
// embeddings of that size.
void settle_text_scale(plain::PlainClip& clip);

// Rounds every parameter to the nearest fp16 value.
void round_to_half(plain::PlainClip& clip);

// A state dict in safetensors with OpenAI's names, stored in fp16.
void save_model(plain::PlainClip& clip, const std::filesystem::path& path);
void load_model(plain::PlainClip& clip, const std::filesystem::path& path);

}  // namespace qprompt::demo
