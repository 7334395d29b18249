// Compiled once for each instruction set by Highway; `row_loops` picks one when first called.
#include "engine/impl/row_loops.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "engine/impl/row_loops.cpp"
#include <hwy/foreach_target.h>
// After the list of targets.
#include "engine/impl/lanes-inl.h"

#include <cmath>

HWY_BEFORE_NAMESPACE();
namespace qprompt::engine {
namespace HWY_NAMESPACE {
template <class T>
void normalise(const T* x, const NormLoop<T>& norm, RowRange range, T* y, T* stats) {
  const int64_t n = range.width;
  for (int64_t row = 0; row < range.rows; ++row, x += n, y += n, stats += 2) {
    Sum<T> sum, squares;
    for_lanes<T>(n, [&](auto d, int64_t i) HWY_ATTR { sum.add(d, hn::LoadU(d, x + i)); });
    const T mean = sum.total() / static_cast<T>(n);
    for_lanes<T>(n, [&](auto d, int64_t i) HWY_ATTR {
      const auto centred = hn::Sub(hn::LoadU(d, x + i), hn::Set(d, mean));
      squares.add(d, hn::Mul(centred, centred));
    });
    const T scale = T(1) / std::sqrt(squares.total() / static_cast<T>(n) + norm.eps);
    for_lanes<T>(n, [&](auto d, int64_t i) HWY_ATTR {
      const auto unit = hn::Mul(hn::Sub(hn::LoadU(d, x + i), hn::Set(d, mean)), hn::Set(d, scale));
      hn::StoreU(hn::MulAdd(unit, hn::LoadU(d, norm.weight + i), hn::LoadU(d, norm.bias + i)), d,
                 y + i);
    });
    stats[0] = mean;
    stats[1] = scale;
  }
}

// With u = (x − mean)·scale and g = dy ∘ weight: dx = scale·(g − mean(g) − u·mean(g ∘ u)).
template <class T>
void normalise_backward(const T* x, const T* stats, const T* weight, RowRange range,
                        NormGradients<T> grads) {
  const int64_t n = range.width;
  for (int64_t row = 0; row < range.rows; ++row, x += n, stats += 2) {
    const T mean = stats[0], scale = stats[1];
    Sum<T> sum, along;
    for_lanes<T>(n, [&](auto d, int64_t i) HWY_ATTR {
      const auto u = hn::Mul(hn::Sub(hn::LoadU(d, x + i), hn::Set(d, mean)), hn::Set(d, scale));
      const auto g = hn::Mul(hn::LoadU(d, grads.out + i), hn::LoadU(d, weight + i));
      sum.add(d, g);
      along.add(d, hn::Mul(g, u));
    });
    const T level = sum.total() / static_cast<T>(n), slope = along.total() / static_cast<T>(n);
    for_lanes<T>(n, [&](auto d, int64_t i) HWY_ATTR {
      const auto u = hn::Mul(hn::Sub(hn::LoadU(d, x + i), hn::Set(d, mean)), hn::Set(d, scale));
      const auto g = hn::Mul(hn::LoadU(d, grads.out + i), hn::LoadU(d, weight + i));
      const auto inner = hn::NegMulAdd(u, hn::Set(d, slope), hn::Sub(g, hn::Set(d, level)));
      hn::StoreU(hn::MulAdd(inner, hn::Set(d, scale), hn::LoadU(d, grads.add + i)), d,
                 grads.in + i);
    });
    grads.out += n;
    grads.add += n;
    grads.in += n;
  }
}

template <class T>
void add(const T* bias, const T* other, RowRange range, T* y) {
  const int64_t n = range.width;
  for (int64_t row = 0; row < range.rows; ++row, y += n) {
    for_lanes<T>(n, [&](auto d, int64_t i) HWY_ATTR {
      auto sum = hn::Add(hn::LoadU(d, y + i), hn::LoadU(d, bias + i));
      if (other != nullptr) sum = hn::Add(sum, hn::LoadU(d, other + i));
      hn::StoreU(sum, d, y + i);
    });
    if (other != nullptr) other += n;
  }
}

/// σ(1.702x)
template <class D, class V>
HWY_INLINE V gate(D d, V x) {
  using T = hn::TFromD<D>;
  const auto one = hn::Set(d, T(1));
  return hn::Div(one, hn::Add(one, hn::Exp(d, hn::Mul(x, hn::Set(d, T(-1.702))))));
}

template <class T>
void quick_gelu(RowRange range, T* h) {
  for_lanes<T>(range.rows * range.width, [&](auto d, int64_t i) HWY_ATTR {
    const auto x = hn::LoadU(d, h + i);
    hn::StoreU(hn::Mul(x, gate(d, x)), d, h + i);
  });
}

// (x·s)' = s·(1 + 1.702x·(1 − s))
template <class T>
void quick_gelu_slope(RowRange range, T* h, T* a) {
  for_lanes<T>(range.rows * range.width, [&](auto d, int64_t i) HWY_ATTR {
    const auto x = hn::LoadU(d, h + i), s = gate(d, x), one = hn::Set(d, T(1));
    const auto bend = hn::Mul(hn::Mul(x, hn::Set(d, T(1.702))), hn::Sub(one, s));
    hn::StoreU(hn::Mul(x, s), d, a + i);
    hn::StoreU(hn::MulAdd(s, bend, s), d, h + i);
  });
}

template <class T>
void multiply(const T* factor, RowRange range, T* y) {
  for_lanes<T>(range.rows * range.width, [&](auto d, int64_t i) HWY_ATTR {
    hn::StoreU(hn::Mul(hn::LoadU(d, y + i), hn::LoadU(d, factor + i)), d, y + i);
  });
}

template <class T>
RowLoops<T> make_table() {
  return {normalise<T>,  normalise_backward<T>, add<T>,
          quick_gelu<T>, quick_gelu_slope<T>,   multiply<T>};
}
RowLoops<float> table_of_floats() { return make_table<float>(); }
RowLoops<double> table_of_doubles() { return make_table<double>(); }

}  // namespace HWY_NAMESPACE
}  // namespace qprompt::engine
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace qprompt::engine {
namespace {
HWY_EXPORT(table_of_floats);
HWY_EXPORT(table_of_doubles);
}  // namespace

template <>
const RowLoops<float>& row_loops<float>() {
  static const RowLoops<float> kLoops = HWY_DYNAMIC_DISPATCH(table_of_floats)();
  return kLoops;
}

template <>
const RowLoops<double>& row_loops<double>() {
  static const RowLoops<double> kLoops = HWY_DYNAMIC_DISPATCH(table_of_doubles)();
  return kLoops;
}

}  // namespace qprompt::engine
#endif
