// Attention within one call of a tower: over a shared prefix and short ragged segments without
// padding (text), or over all rows of each image.
//
// Text. A class's text is the P rows of the prefix, which all classes share, and then its own few
// rows. The mask is causal, so row i of the prefix sees rows 0 … i, and a class's row sees the
// whole prefix and the rows of its own class up to itself; nobody sees another class. Hence the
// prefix is computed once for all classes and no row is padding. Who sees whom is the plan's (Q, 3)
// table: query i sees keys [0, p) and [begin, end). Keys are taken in this order whatever the
// prefix is, so that a row's sums do not tell where the prefix ends.
//   forward   s_j = qᵀ k_j /√d over the keys seen, p = softmax(s), out = Σ p_j v_j
//   kept      q, k, v (by the block) and p: heads × links values, about ten a row and head
//   backward  dv_j += p_j g;  dp_j = gᵀ v_j;  ds = p ∘ (dp − ⟨p, dp⟩)/√d;  dq += ds_j k_j;
//             dk_j += ds_j q. Rows of the prefix collect from every class: the queries come in
//             order and a head is one thread's, so the sum has one order.
// Images. All N rows of an image see each other: two small dense products a head. Kept
// probabilities would be N values a row and head, a quarter of what a block keeps; backward
// computes them again from q and k, which costs one product in five. In the last block only the
// rows that are read ask (Q of them): q is a matrix of its own.
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
