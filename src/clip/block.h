// The residual attention block with frozen weights, all but its attention: both towers use it.
#pragma once

#include <ATen/core/Tensor.h>

#include <string>

#include "clip/architecture.h"

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
  at::Tensor weight;  ///< (out, in)
  at::Tensor bias;    ///< (out)
};

struct Block {
  LayerNorm ln_1, ln_2;
  Affine qkv;   ///< (3D, D)
  Affine out;   ///< (D, D)
  Affine fc;    ///< (F, D); the bias is scaled by 1.702 for quick GELU, see `add_mlp`
  Affine proj;  ///< (D, F)
  Activation activation = Activation::kQuickGelu;
};

at::Tensor place_vector(const Tensors& weights, const std::string& name, const Placement& where);
at::Tensor place_matrix(const Tensors& weights, const std::string& name, const Placement& where);
LayerNorm place_layer_norm(const Tensors& weights, const std::string& name, double eps,
                           const Placement& where);
Block place_block(const Tensors& weights, const std::string& prefix, const ClipConfig& config,
                  const Placement& where);

/// (N, D) → (N, D).
at::Tensor normalise(const at::Tensor& x, const LayerNorm& norm);

/// x (N, in) times weight (out, in) transposed → (N, out) in x's type.
at::Tensor times_transposed(const at::Tensor& x, const at::Tensor& weight);

/// times_transposed + bias (out), as two passes: one `addmm` with a bias is far slower at few rows.
at::Tensor affine(const at::Tensor& x, const Affine& layer);

/// x + bias + scale · h Wᵀ for x (N, D), h (N, in), W (D, in).
at::Tensor add_projection(const at::Tensor& x, const at::Tensor& h, const Affine& layer,
                          double scale);

/// x + MLP(LN₂(x)) for x (N, D).
at::Tensor add_mlp(const at::Tensor& x, const Block& block);

}  // namespace qprompt::clip
