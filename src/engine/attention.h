// Attention within one call of a tower: over a shared prefix and short ragged segments without
// padding (text), or over all rows of each image.
#pragma once

#include <ATen/core/Tensor.h>

#include <memory>

#include "clip/frozen_matrix.h"
#include "clip/packed_plan.h"

namespace qprompt::clip {

/// Who sees whom, and which rows the tower reads at its end.
struct Sequence {
  int64_t heads = 1;
  std::shared_ptr<const PackedPlan> packed;  ///< text; null: images
  int64_t images = 0;                        ///< B: rows are those of B images, equally many each

  Packing packing = Packing::kKept;  ///< of the blocks' weights
  bool single_use = false;  ///< backward comes once at most, and drops what was kept as it goes
  /// Buffers whose content no block keeps, by their use; the next block takes them over. They spare
  /// the allocator from a mixture of blocks that stay and blocks that go.
  mutable at::Tensor normal_room, hidden_room;

  /// Rows that are read: EOT of each class, or the class token of each image. int64, CPU.
  at::Tensor read_rows(int64_t rows) const;
};

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

}  // namespace qprompt::clip
