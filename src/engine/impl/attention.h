// Attention within one call of a tower: over a shared prefix and short ragged segments without
// padding (text), or over all rows of each image.
#pragma once

#include <ATen/core/Tensor.h>

#include "engine/sequence.h"

namespace qprompt::engine {

/// Queries, keys and values side by side: `a` is qkv (T, 3D) and `b` undefined where every row
/// asks; where only the rows that are read ask, `a` is q (Q, D) and `b` is kv (T, 2D).
struct AttentionInput {
  at::Tensor a, b;
  bool reads_only() const { return b.defined(); }
  int64_t width() const { return b.defined() ? a.size(1) : a.size(1) / 3; }
};

struct AttentionOutput {
  at::Tensor seen;           ///< (Q, D)
  at::Tensor probabilities;  ///< (heads, links) of text; images' are computed again on the way back
};

/// On the CPU in float or double, without a graph.
AttentionOutput attend(const AttentionInput& input, const Sequence& sequence);

/// Gradients of a and b, given that of `seen` and what `attend` returned.
AttentionInput attend_backward(const AttentionInput& input, const Sequence& sequence,
                               const at::Tensor& probabilities, const at::Tensor& seen_grad);

/// The same forward pass in differentiable ATen operations, for any device: what `attend` is tested
/// against. → (Q, D)
at::Tensor generic_attention(const AttentionInput& input, const Sequence& sequence);

}  // namespace qprompt::engine
