// The CPU loops of attention within each image: every query sees all rows of its image.
#pragma once

#include <cstdint>

namespace qprompt::engine {

/// Rows of q, k and v lie `q_stride` and `kv_stride` values apart; head h is columns
/// [h·d, (h+1)·d). Image b has queries [b·queries, …) and keys [b·keys, …).
template <class T>
struct ImageAttention {
  const T* q = nullptr;
  const T* k = nullptr;
  const T* v = nullptr;
  int64_t q_stride = 0, kv_stride = 0;
  int64_t images = 0, heads = 0, head_width = 0;
  int64_t queries = 0, keys = 0;  ///< of one image
};

/// out (images · queries, heads · d)
template <class T>
void attend_within_images(const ImageAttention<T>& in, T* out);

/// Gradients of q, k and v, with their strides.
template <class T>
struct ImageAttentionGradients {
  T* q = nullptr;
  T* k = nullptr;
  T* v = nullptr;
};

/// Writes them, given that of the output (images · queries, heads · d). Probabilities are computed
/// once more: kept, they would be a quarter of all that a block keeps.
template <class T>
void attend_within_images_backward(const ImageAttention<T>& in, const T* out_grad,
                                   const ImageAttentionGradients<T>& grads);

}  // namespace qprompt::engine
