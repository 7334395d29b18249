// The residual attention block with frozen weights: one for both towers.
#pragma once

#include <ATen/core/Tensor.h>

#include <memory>
#include <vector>

#include "engine/activation.h"
#include "engine/frozen_matrix.h"
#include "engine/sequence.h"

namespace qprompt::engine {

struct LayerNorm {
  at::Tensor weight;  ///< (D)
  at::Tensor bias;    ///< (D)
  double eps = 1e-5;
};

struct Affine {
  FrozenMatrix weight;  ///< (out, in)
  at::Tensor bias;      ///< (out)
};

struct Block {
  LayerNorm ln_1, ln_2;
  bool last = false;  ///< gives the rows that are read and no others
  Affine qkv;         ///< (3D, D); only where it is not the last
  Affine q, kv;       ///< (D, D) and (2D, D): the last asks for fewer rows than it looks at
  Affine out;         ///< (D, D)
  Affine fc;          ///< (F, D)
  Affine proj;        ///< (D, F)
  Activation activation = Activation::kQuickGelu;
};
using Blocks = std::vector<std::shared_ptr<const Block>>;

/// x (T, D) → (T, D), or (Q, D) for the last block; differentiable in x. `wanted` (int64) names the
/// rows of x whose gradient anyone needs, undefined for all; the others' is zero. Fused on the CPU
/// (fused_block.h), in ATen operations elsewhere.
at::Tensor run_block(const std::shared_ptr<const Block>& block, const at::Tensor& x,
                     const std::shared_ptr<const Sequence>& sequence,
                     const at::Tensor& wanted = {});

/// Values that a block keeps for backward, for one row of x, and for one link of its attention.
struct KeptValues {
  int64_t row = 0;   ///< x, q, k, v, the middle of the residual stream, the slope of the MLP
  int64_t link = 0;  ///< probabilities; of images none is kept
};
KeptValues kept_values(const Block& block, int64_t heads);

/// (N, D) → (N, D).
at::Tensor normalise(const at::Tensor& x, const LayerNorm& norm);

/// x (N, in) times a weight (out, in) transposed → (N, out) in x's type; differentiable in x.
at::Tensor times_transposed(const at::Tensor& x, const FrozenMatrix& weight);

/// times_transposed + bias.
at::Tensor affine(const at::Tensor& x, const Affine& layer);

/// The block in differentiable ATen operations, on any device and in any type of the matrices.
at::Tensor generic_block(const Block& block, const at::Tensor& x, const Sequence& sequence);

}  // namespace qprompt::engine
