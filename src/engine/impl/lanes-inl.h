// Vector helpers of the loops, once for each instruction set (Highway's convention for `-inl.h`).
#if defined(QPROMPT_CLIP_LANES_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef QPROMPT_CLIP_LANES_INL_H_
#undef QPROMPT_CLIP_LANES_INL_H_
#else
#define QPROMPT_CLIP_LANES_INL_H_
#endif

#include <hwy/contrib/math/math-inl.h>
#include <hwy/highway.h>

#include <algorithm>
#include <cstdint>
#include <type_traits>

HWY_BEFORE_NAMESPACE();
namespace qprompt::engine {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

template <class T>
using Full = hn::ScalableTag<T>;
template <class T>
using One = hn::CappedTag<T, 1>;

/// Calls f(tag, i) with full vectors, then value by value for what is left of n.
template <class T, class F>
HWY_INLINE void for_lanes(int64_t n, F&& f) {
  const Full<T> full;
  const auto lanes = static_cast<int64_t>(hn::Lanes(full));
  int64_t i = 0;
  for (; i + lanes <= n; i += lanes) f(full, i);
  for (; i < n; ++i) f(One<T>(), i);
}

/// Calls f(p) for whole vectors of values in turn, f changing them in place; what is left of n goes
/// through f in a vector beside them. One path for all, so that a value's bits do not tell its
/// place.
template <class T, class F>
HWY_INLINE void for_whole_vectors(T* values, int64_t n, F&& f) {
  const Full<T> d;
  const auto lanes = static_cast<int64_t>(hn::Lanes(d));
  T rest[HWY_MAX_BYTES / sizeof(T)] = {};
  for (int64_t i = 0; i < n; i += lanes) {
    const int64_t count = std::min(lanes, n - i);
    T* at = values + i;
    if (count < lanes) at = std::copy_n(at, count, rest) - count;
    f(at, i, count);
    if (count < lanes) std::copy_n(rest, count, values + i);
  }
}

/// The first `count` values of a whole vector.
template <class V, class T>
HWY_INLINE void store_some(V v, T* to, int64_t count) {
  const Full<T> d;
  if (count == static_cast<int64_t>(hn::Lanes(d))) return hn::StoreU(v, d, to);
  T values[HWY_MAX_BYTES / sizeof(T)];
  hn::StoreU(v, d, values);
  std::copy_n(values, count, to);
}

/// A sum of vectors, with what does not fill a vector beside it.
template <class T>
struct Sum {
  hn::Vec<Full<T>> full;
  T rest;
  HWY_INLINE Sum() : full(hn::Zero(Full<T>())), rest(0) {}
  template <class D>
  HWY_INLINE void add(D, hn::Vec<D> v) {
    if constexpr (std::is_same_v<D, Full<T>>) {
      full = hn::Add(full, v);
    } else {
      rest += hn::GetLane(v);
    }
  }
  HWY_INLINE T total() const { return hn::GetLane(hn::SumOfLanes(Full<T>(), full)) + rest; }
};

/// The largest of n >= 1 values.
template <class T>
HWY_INLINE T largest_of(const T* values, int64_t n) {
  const Full<T> d;
  const auto lanes = static_cast<int64_t>(hn::Lanes(d));
  T largest = values[0];
  int64_t i = 0;
  if (n >= lanes) {
    auto most = hn::LoadU(d, values);
    for (i = lanes; i + lanes <= n; i += lanes) most = hn::Max(most, hn::LoadU(d, values + i));
    largest = hn::GetLane(hn::MaxOfLanes(d, most));
  }
  for (; i < n; ++i) largest = values[i] > largest ? values[i] : largest;
  return largest;
}

/// values = softmax(scale · values), scale > 0
template <class T>
HWY_INLINE void scaled_softmax(T* values, int64_t n, T scale) {
  const T largest = largest_of(values, n) * scale;
  Sum<T> sum;
  for_lanes<T>(n, [&](auto d, int64_t i) HWY_ATTR {
    const auto e =
        hn::Exp(d, hn::MulSub(hn::LoadU(d, values + i), hn::Set(d, scale), hn::Set(d, largest)));
    hn::StoreU(e, d, values + i);
    sum.add(d, e);
  });
  const T inverse = T(1) / sum.total();
  for_lanes<T>(n, [&](auto d, int64_t i) HWY_ATTR {
    hn::StoreU(hn::Mul(hn::LoadU(d, values + i), hn::Set(d, inverse)), d, values + i);
  });
}

}  // namespace HWY_NAMESPACE
}  // namespace qprompt::engine
HWY_AFTER_NAMESPACE();
#endif  // per-target include guard
