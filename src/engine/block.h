// The residual attention block with frozen weights: one for both towers.
#pragma once

#include <ATen/core/Tensor.h>

#include <memory>
#include <string>
#include <vector>

#include "clip/architecture.h"
#include "clip/attention.h"
#include "clip/frozen_matrix.h"

namespace qprompt::clip {

/// Where a tower lives, and the type of its matrices. Everything but the matrix products (layer
/// norms, residual stream, attention) stays in the type of the vectors, which is float32.
struct Placement {
  at::Device device = at::kCPU;
  at::ScalarType matrices = at::kFloat;
};

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

at::Tensor place_vector(const Tensors& weights, const std::string& name, const Placement& where);
at::Tensor place_matrix(const Tensors& weights, const std::string& name, const Placement& where);
Affine place_affine(const Tensors& weights, const std::string& weight, const std::string& bias,
                    const Placement& where);
LayerNorm place_layer_norm(const Tensors& weights, const std::string& name, double eps,
                           const Placement& where);
/// Blocks `prefix` 0 … count − 1, the last of them marked.
Blocks place_blocks(const Tensors& weights, const std::string& prefix, int64_t count,
                    const ClipConfig& config, const Placement& where);

/// x (T, D) → (T, D), or (Q, D) for the last block; differentiable in x. `wanted` (int64) names the
/// rows of x whose gradient anyone needs, undefined for all; the others' is zero. Fused on the CPU
/// (fused_block.h), in ATen operations elsewhere.
at::Tensor run_block(const std::shared_ptr<const Block>& block, const at::Tensor& x,
                     const std::shared_ptr<const Sequence>& sequence,
                     const at::Tensor& wanted = {});

/// (N, D) → (N, D).
at::Tensor normalise(const at::Tensor& x, const LayerNorm& norm);

/// x (N, in) times weight (out, in) transposed → (N, out) in x's type; differentiable in x.
at::Tensor times_transposed(const at::Tensor& x, const at::Tensor& weight);

/// times_transposed + bias, as two passes: one `addmm` with a bias is far slower at few rows.
at::Tensor affine(const at::Tensor& x, const Affine& layer);

/// The block in differentiable ATen operations, on any device and in any type of the matrices.
at::Tensor generic_block(const Block& block, const at::Tensor& x, const Sequence& sequence);

}  // namespace qprompt::clip
