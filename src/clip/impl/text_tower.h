// The causal text tower on packed rows: frozen weights, differentiable in the learned rows.
#pragma once

#include <vector>

#include "clip/impl/packed_plan.h"
#include "clip/impl/place.h"

namespace qprompt::clip {

struct TextTower {
  at::Tensor table;      ///< (V, D)
  at::Tensor positions;  ///< (L, D)
  engine::Blocks blocks;
  engine::LayerNorm ln_final;
  engine::FrozenMatrix projection;  ///< (E, D): the canonical one transposed
  int64_t heads = 1;
  RowLimits limits;
};

TextTower place_text_tower(const Tensors& weights, const ClipConfig& config,
                           const Placement& where);

/// Features (C, E) of checked prompts, differentiable in their learned rows. Without a graph,
/// classes go through in groups of bounded memory; with one, `class_chunk` classes at a time (0:
/// all at once): the chunks are encoded without a graph, and once more, one by one, on the way
/// back. Gradients stay exact, since classes meet only behind their features. openai/CLIP,
/// clip/model.py, `encode_text`, on packed rows.
at::Tensor run_text_tower(const TextTower& tower, const PackedPrompts& prompts,
                          int64_t class_chunk = 0);

/// The most classes a chunk whose forward pass keeps at most `bytes` for backward; at least 1.
int64_t class_chunk_within(const TextTower& tower, const PackedPrompts& prompts, int64_t bytes);

}  // namespace qprompt::clip
