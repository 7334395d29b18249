// Canonical weights where a tower runs, as the engine takes them.
#pragma once

#include <string>

#include "checkpoint/architecture.h"
#include "engine/block.h"

namespace qprompt::clip {

using checkpoint::Tensors;

/// Where a tower lives, and the type of its matrices. Everything but the matrix products (layer
/// norms, residual stream, attention) stays in the type of the vectors, which is float32.
struct Placement {
  at::Device device = at::kCPU;
  at::ScalarType matrices = at::kFloat;
};

at::Tensor place_vector(const Tensors& weights, const std::string& name, const Placement& where);
at::Tensor place_matrix(const Tensors& weights, const std::string& name, const Placement& where);
engine::Affine place_affine(const Tensors& weights, const std::string& weight,
                            const std::string& bias, const Placement& where);
engine::LayerNorm place_layer_norm(const Tensors& weights, const std::string& name, double eps,
                                   const Placement& where);
/// Blocks `prefix` 0 … count − 1, the last of them marked.
engine::Blocks place_blocks(const Tensors& weights, const std::string& prefix, int64_t count,
                            const ClipConfig& config, const Placement& where);

}  // namespace qprompt::clip
