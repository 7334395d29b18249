// The CPU loops of packed attention, forward and backward, on raw buffers.
#pragma once

#include <cstdint>

namespace qprompt::engine {

/// Rows of q, k and v lie `q_stride` and `kv_stride` values apart; head h is columns
/// [h·d, (h+1)·d).
template <class T>
struct AttentionBuffers {
  const T* q = nullptr;
  const T* k = nullptr;
  const T* v = nullptr;
  int64_t q_stride = 0, kv_stride = 0;
  int64_t heads = 0, head_width = 0;
  const int64_t* plan = nullptr;  ///< (Q, 3): p, begin, end, as `AttentionPlan::queries`
  int64_t query_count = 0;        ///< Q
  int64_t links = 0;              ///< Σ of keys seen
};

/// Where backward adds; same strides as q, k, v.
template <class T>
struct AttentionGradients {
  T* q = nullptr;
  T* k = nullptr;
  T* v = nullptr;
};

/// out (Q, heads · d); probabilities (heads, links) are kept for backward.
template <class T>
void attention_forward(const AttentionBuffers<T>& in, T* out, T* probabilities);

/// Adds to zeroed gradients, given the output's (Q, heads · d).
template <class T>
void attention_backward(const AttentionBuffers<T>& in, const T* probabilities, const T* out_grad,
                        const AttentionGradients<T>& grads);

}  // namespace qprompt::engine
