// Attention over a shared prefix and short ragged segments, without padding.
#pragma once

#include <ATen/core/Tensor.h>

#include "clip/packed_plan.h"

namespace qprompt::clip {

/// Queries, keys and values of one block. Views with a stride between rows are welcome.
struct AttentionInput {
  at::Tensor q;  ///< (Q, D)
  at::Tensor k;  ///< (T, D)
  at::Tensor v;  ///< (T, D)
  int64_t heads = 1;
};

/// All T rows ask: qkv (T, 3D) → (T, D). Loops on the CPU, `dense_attention` elsewhere.
at::Tensor attend_all(const at::Tensor& qkv, const AttentionPlan& plan, int64_t heads);

/// C rows ask: q (C, D), kv (T, 2D) → (C, D).
at::Tensor attend_read(const at::Tensor& q, const at::Tensor& kv, const AttentionPlan& plan,
                       int64_t heads);

/// The same in ATen operations for any device: dense masked attention chunk by chunk. It is also
/// what the loops are tested against. → (Q, D)
at::Tensor dense_attention(const AttentionInput& input, const AttentionPlan& plan);

}  // namespace qprompt::clip
