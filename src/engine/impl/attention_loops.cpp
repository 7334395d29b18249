// Compiled once for each instruction set by Highway; the functions below pick one when called.
#include "engine/impl/attention_loops.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "engine/impl/attention_loops.cpp"
#include <hwy/foreach_target.h>
// After the list of targets.
#include <ATen/Parallel.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include "engine/impl/lanes-inl.h"

HWY_BEFORE_NAMESPACE();
namespace qprompt::engine {
namespace HWY_NAMESPACE {

template <class T>
HWY_INLINE T dot(const T* a, const T* b, int64_t n) {
  Sum<T> sum;
  for_lanes<T>(n, [&](auto d, int64_t i)
                      HWY_ATTR { sum.add(d, hn::Mul(hn::LoadU(d, a + i), hn::LoadU(d, b + i))); });
  return sum.total();
}

/// y += s · x
template <class T>
HWY_INLINE void add_scaled(T* y, const T* x, T s, int64_t n) {
  for_lanes<T>(n, [&](auto d, int64_t i) HWY_ATTR {
    hn::StoreU(hn::MulAdd(hn::Set(d, s), hn::LoadU(d, x + i), hn::LoadU(d, y + i)), d, y + i);
  });
}

/// The keys that one query sees: rows [0, prefix), then [begin, end).
struct Keys {
  int64_t prefix, begin, count;
  template <class T>
  HWY_INLINE Keys(const AttentionBuffers<T>& in, int64_t query)
      : prefix(in.plan[3 * query]),
        begin(in.plan[3 * query + 1]),
        count(prefix + in.plan[3 * query + 2] - begin) {}
  /// Row of the j-th of them.
  HWY_INLINE int64_t row(int64_t j) const { return j < prefix ? j : begin + j - prefix; }
};

template <class T>
void forward_head(const AttentionBuffers<T>& in, int64_t head, T* out, T* probabilities) {
  const int64_t d = in.head_width, offset = head * d;
  const T scale = T(1) / std::sqrt(static_cast<T>(d));
  T* p = probabilities + head * in.links;
  for (int64_t i = 0; i < in.query_count; ++i) {
    const T* q = in.q + i * in.q_stride + offset;
    const Keys keys(in, i);
    for (int64_t j = 0; j < keys.count; ++j) {
      p[j] = dot(q, in.k + keys.row(j) * in.kv_stride + offset, d);
    }
    scaled_softmax(p, keys.count, scale);
    T* y = out + i * in.heads * d + offset;
    std::fill(y, y + d, T(0));
    for (int64_t j = 0; j < keys.count; ++j) {
      add_scaled(y, in.v + keys.row(j) * in.kv_stride + offset, p[j], d);
    }
    p += keys.count;
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
    const Keys keys(in, i);
    dp.resize(static_cast<size_t>(keys.count));
    T mean = 0;
    for (int64_t j = 0; j < keys.count; ++j) {
      dp[j] = dot(g, in.v + keys.row(j) * in.kv_stride + offset, d);
      mean += p[j] * dp[j];
    }
    for (int64_t j = 0; j < keys.count; ++j) {
      const int64_t key = keys.row(j) * in.kv_stride + offset;
      const T ds = p[j] * (dp[j] - mean) * scale;
      add_scaled(grads.v + key, g, p[j], d);
      add_scaled(grads.q + at, in.k + key, ds, d);
      add_scaled(grads.k + key, in.q + at, ds, d);
    }
    p += keys.count;
  }
}

void forward_float(const AttentionBuffers<float>& in, int64_t head, float* out, float* p) {
  forward_head(in, head, out, p);
}
void forward_double(const AttentionBuffers<double>& in, int64_t head, double* out, double* p) {
  forward_head(in, head, out, p);
}
void backward_float(const AttentionBuffers<float>& in, int64_t head, const float* p,
                    const float* out_grad, const AttentionGradients<float>& grads) {
  backward_head(in, head, p, out_grad, grads);
}
void backward_double(const AttentionBuffers<double>& in, int64_t head, const double* p,
                     const double* out_grad, const AttentionGradients<double>& grads) {
  backward_head(in, head, p, out_grad, grads);
}

}  // namespace HWY_NAMESPACE
}  // namespace qprompt::engine
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace qprompt::engine {
namespace {

HWY_EXPORT(forward_float);
HWY_EXPORT(forward_double);
HWY_EXPORT(backward_float);
HWY_EXPORT(backward_double);

// Heads go to threads: no two of them touch the same column, so prefix rows need no lock and sums
// have one order at any number of threads.
template <class F>
void for_heads(int64_t heads, F&& f) {
  at::parallel_for(0, heads, 1, [&](int64_t begin, int64_t end) {
    for (int64_t head = begin; head < end; ++head) f(head);
  });
}

}  // namespace

template <>
void attention_forward(const AttentionBuffers<float>& in, float* out, float* probabilities) {
  const auto run = HWY_DYNAMIC_DISPATCH(forward_float);
  for_heads(in.heads, [&](int64_t head) { run(in, head, out, probabilities); });
}

template <>
void attention_forward(const AttentionBuffers<double>& in, double* out, double* probabilities) {
  const auto run = HWY_DYNAMIC_DISPATCH(forward_double);
  for_heads(in.heads, [&](int64_t head) { run(in, head, out, probabilities); });
}

template <>
void attention_backward(const AttentionBuffers<float>& in, const float* probabilities,
                        const float* out_grad, const AttentionGradients<float>& grads) {
  const auto run = HWY_DYNAMIC_DISPATCH(backward_float);
  for_heads(in.heads, [&](int64_t head) { run(in, head, probabilities, out_grad, grads); });
}

template <>
void attention_backward(const AttentionBuffers<double>& in, const double* probabilities,
                        const double* out_grad, const AttentionGradients<double>& grads) {
  const auto run = HWY_DYNAMIC_DISPATCH(backward_double);
  for_heads(in.heads, [&](int64_t head) { run(in, head, probabilities, out_grad, grads); });
}

}  // namespace qprompt::engine
#endif
