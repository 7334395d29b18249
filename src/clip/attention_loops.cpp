#include "clip/attention_loops.h"

#include <ATen/Parallel.h>

#include <algorithm>
#include <cmath>
#include <vector>

namespace qprompt::clip {
namespace {

constexpr int kLanes = 8;  // partial sums that the compiler may keep in vector registers

template <class T>
T dot(const T* a, const T* b, int64_t n) {
  T sums[kLanes] = {};
  int64_t i = 0;
  for (; i + kLanes <= n; i += kLanes) {
    for (int lane = 0; lane < kLanes; ++lane) sums[lane] += a[i + lane] * b[i + lane];
  }
  T total = 0;
  for (T sum : sums) total += sum;
  for (; i < n; ++i) total += a[i] * b[i];
  return total;
}

/// y += s · x
template <class T>
void add_scaled(T* __restrict y, const T* __restrict x, T s, int64_t n) {
  for (int64_t i = 0; i < n; ++i) y[i] += s * x[i];
}

/// Calls f(key row, index among the keys seen) for every key that query `i` sees.
template <class T, class F>
void for_keys(const AttentionBuffers<T>& in, int64_t i, F&& f) {
  const int64_t* query = in.plan + 3 * i;
  int64_t j = 0;
  for (int64_t row = 0; row < query[0]; ++row) f(row, j++);
  for (int64_t row = query[1]; row < query[2]; ++row) f(row, j++);
}

template <class T>
int64_t keys_of(const AttentionBuffers<T>& in, int64_t i) {
  const int64_t* query = in.plan + 3 * i;
  return query[0] + query[2] - query[1];
}

template <class T>
void softmax(T* values, int64_t n) {
  T largest = values[0];
  for (int64_t j = 1; j < n; ++j) largest = std::max(largest, values[j]);
  T sum = 0;
  for (int64_t j = 0; j < n; ++j) sum += values[j] = std::exp(values[j] - largest);
  for (int64_t j = 0; j < n; ++j) values[j] /= sum;
}

template <class T>
void forward_head(const AttentionBuffers<T>& in, int64_t head, T* out, T* probabilities) {
  const int64_t d = in.head_width, offset = head * d;
  const T scale = T(1) / std::sqrt(static_cast<T>(d));
  T* p = probabilities + head * in.links;
  for (int64_t i = 0; i < in.query_count; ++i) {
    const T* q = in.q + i * in.q_stride + offset;
    const int64_t n = keys_of(in, i);
    for_keys(in, i, [&](int64_t row, int64_t j) {
      p[j] = scale * dot(q, in.k + row * in.kv_stride + offset, d);
    });
    softmax(p, n);
    T* y = out + i * in.heads * d + offset;
    std::fill(y, y + d, T(0));
    for_keys(in, i, [&](int64_t row, int64_t j) {
      add_scaled(y, in.v + row * in.kv_stride + offset, p[j], d);
    });
    p += n;
  }
}

template <class T>
void backward_head(const AttentionBuffers<T>& in, int64_t head, const T* probabilities,
                   const T* out_grad, const AttentionGradients<T>& grads) {
  const int64_t d = in.head_width, offset = head * d;
  const T scale = T(1) / std::sqrt(static_cast<T>(d));
  const T* p = probabilities + head * in.links;
  std::vector<T> dp;
  for (int64_t i = 0; i < in.query_count; ++i) {
    const int64_t at = i * in.q_stride + offset;
    const T* g = out_grad + i * in.heads * d + offset;
    const int64_t n = keys_of(in, i);
    dp.resize(n);
    T mean = 0;
    for_keys(in, i, [&](int64_t row, int64_t j) {
      dp[j] = dot(g, in.v + row * in.kv_stride + offset, d);
      mean += p[j] * dp[j];
    });
    for_keys(in, i, [&](int64_t row, int64_t j) {
      const int64_t key = row * in.kv_stride + offset;
      const T ds = p[j] * (dp[j] - mean) * scale;
      add_scaled(grads.v + key, g, p[j], d);
      add_scaled(grads.q + at, in.k + key, ds, d);
      add_scaled(grads.k + key, in.q + at, ds, d);
    });
    p += n;
  }
}

}  // namespace

// Heads go to threads: no two of them touch the same column, so prefix rows need no lock and sums
// have one order at any number of threads.
template <class T>
void attention_forward(const AttentionBuffers<T>& in, T* out, T* probabilities) {
  at::parallel_for(0, in.heads, 1, [&](int64_t begin, int64_t end) {
    for (int64_t head = begin; head < end; ++head) forward_head(in, head, out, probabilities);
  });
}

template <class T>
void attention_backward(const AttentionBuffers<T>& in, const T* probabilities, const T* out_grad,
                        const AttentionGradients<T>& grads) {
  at::parallel_for(0, in.heads, 1, [&](int64_t begin, int64_t end) {
    for (int64_t head = begin; head < end; ++head) {
      backward_head(in, head, probabilities, out_grad, grads);
    }
  });
}

template void attention_forward<float>(const AttentionBuffers<float>&, float*, float*);
template void attention_forward<double>(const AttentionBuffers<double>&, double*, double*);
template void attention_backward<float>(const AttentionBuffers<float>&, const float*, const float*,
                                        const AttentionGradients<float>&);
template void attention_backward<double>(const AttentionBuffers<double>&, const double*,
                                         const double*, const AttentionGradients<double>&);

}  // namespace qprompt::clip
