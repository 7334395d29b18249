// The causal text tower on packed rows: frozen weights, differentiable in the learned rows.
#pragma once

#include <vector>

#include "clip/block.h"
#include "clip/packed_plan.h"

namespace qprompt::clip {

struct TextTower {
  at::Tensor table;      ///< (V, D)
  at::Tensor positions;  ///< (L, D)
  std::vector<Block> blocks;
  LayerNorm ln_final;
  at::Tensor projection;  ///< (E, D): the canonical one transposed
  int64_t heads = 1;
  RowLimits limits;
};

TextTower place_text_tower(const Tensors& weights, const ClipConfig& config,
                           const Placement& where);

/// Features (C, E) of checked prompts. Without a graph, classes go through in groups of bounded
/// memory. openai/CLIP, clip/model.py, `encode_text`, on packed rows.
at::Tensor run_text_tower(const TextTower& tower, const PackedPrompts& prompts);

}  // namespace qprompt::clip
