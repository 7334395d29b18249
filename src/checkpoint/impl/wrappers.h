// What trainers put around a model's names, and files that are not one. Private to the room.
#pragma once

#include <string>

#include "qprompt/weights.h"

namespace qprompt::checkpoint {

constexpr const char* kHfMark = "text_model.embeddings.token_embedding.weight";
constexpr const char* kOpenAiMark = "token_embedding.weight";

/// Takes off what Lightning, DataParallel, `torch.compile`, FSDP and training loops put before or
/// into the names of a model ("state_dict.module.", "model.", "visual._orig_mod."), and drops what
/// is not the model's. Throws kContent, naming them, where a file holds several models.
void unwrap(WeightStore& store);

/// Whether a file, not yet unwrapped, is what OpenCLIP's training loop saves: a state dictionary
/// beside the optimizer's, and nothing of the model's configuration.
bool is_open_clip_training(const WeightStore& store);

/// Throws kContent with the name of a model that is no CLIP but is often taken for one: SigLIP,
/// EVA, MobileCLIP.
void refuse_other_kinds(const WeightStore& store);

/// Whether a file is an index of shards ("model.safetensors.index.json").
bool is_shard_index(const std::string& path);
/// The tensors of all shards that an index lists, which lie beside it. Throws kPath or kContent.
WeightStore read_shards(const std::string& index);

}  // namespace qprompt::checkpoint
