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

/// σ(1.702x)
template <class D, class V>
HWY_INLINE V gate(D d, V x) {
  using T = hn::TFromD<D>;
  const auto one = hn::Set(d, T(1));
  return hn::Div(one, hn::Add(one, hn::Exp(d, hn::Mul(x, hn::Set(d, T(-1.702))))));
}

template <class T>
void quick_gelu(RowRange range, T* h) {
  const Full<T> d;
  for_whole_vectors(h, range.rows * range.width, [&](T* at, int64_t, int64_t) HWY_ATTR {
    const auto x = hn::LoadU(d, at);
    hn::StoreU(hn::Mul(x, gate(d, x)), d, at);
  });
}

// (x·s)' = s·(1 + 1.702x·(1 − s))
template <class T>
void quick_gelu_slope(RowRange range, T* h, T* a) {
  const Full<T> d;
  for_whole_vectors(h, range.rows * range.width, [&](T* at, int64_t i, int64_t count) HWY_ATTR {
    const auto x = hn::LoadU(d, at), s = gate(d, x), one = hn::Set(d, T(1));
    const auto bend = hn::Mul(hn::Mul(x, hn::Set(d, T(1.702))), hn::Sub(one, s));
    store_some(hn::Mul(x, s), a + i, count);
    hn::StoreU(hn::MulAdd(s, bend, s), d, at);
  });
}

/// Φ(x) and its derivative.
template <class V>
struct Gaussian {
  V phi, density;
};

/// By erfc(z) = t·exp(−z² + p(t)), t = 1/(1 + z/2), z ≥ 0 (W. H. Press et al., "Numerical Recipes",
/// §6.2): within 1.2e-7 of erfc(z), relative, everywhere.
template <class D, class V>
HWY_INLINE Gaussian<V> gaussian(D d, V x) {
  using T = hn::TFromD<D>;
  const auto one = hn::Set(d, T(1)), half = hn::Set(d, T(0.5));
  const auto z = hn::Mul(hn::Abs(x), hn::Set(d, T(0.70710678118654752)));
  const auto t = hn::Div(one, hn::MulAdd(half, z, one));
  auto p = hn::Set(d, T(0.17087277));
  for (const double next : {-0.82215223, 1.48851587, -1.13520398, 0.27886807, -0.18628806,
                            0.09678418, 0.37409196, 1.00002368, -1.26551223}) {
    p = hn::MulAdd(p, t, hn::Set(d, static_cast<T>(next)));
  }
  const auto square = hn::Mul(z, z);
  const auto tail = hn::Mul(half, hn::Mul(t, hn::Exp(d, hn::Sub(p, square))));  // Φ(−|x|)
  const auto density = hn::Mul(hn::Exp(d, hn::Neg(square)), hn::Set(d, T(0.3989422804014327)));
  return {hn::IfThenElse(hn::Lt(x, hn::Zero(d)), tail, hn::Sub(one, tail)), density};
}

inline Gaussian<double> gaussian_of(double x) {
  return {0.5 * std::erfc(-x * 0.70710678118654752), 0.3989422804014327 * std::exp(-0.5 * x * x)};
}

void gelu(RowRange range, float* h) {
  const Full<float> d;
  for_whole_vectors(h, range.rows * range.width, [&](float* at, int64_t, int64_t) HWY_ATTR {
    const auto x = hn::LoadU(d, at);
    hn::StoreU(hn::Mul(x, gaussian(d, x).phi), d, at);
  });
}
void gelu(RowRange range, double* h) {
  for (int64_t i = 0; i < range.rows * range.width; ++i) h[i] *= gaussian_of(h[i]).phi;
}

// (x·Φ)' = Φ + x·φ
void gelu_slope(RowRange range, float* h, float* a) {
  const Full<float> d;
  for_whole_vectors(h, range.rows * range.width, [&](float* at, int64_t i, int64_t count) HWY_ATTR {
    const auto x = hn::LoadU(d, at);
    const auto normal = gaussian(d, x);
    store_some(hn::Mul(x, normal.phi), a + i, count);
    hn::StoreU(hn::MulAdd(x, normal.density, normal.phi), d, at);
  });
}
void gelu_slope(RowRange range, double* h, double* a) {
  for (int64_t i = 0; i < range.rows * range.width; ++i) {
    const Gaussian<double> at = gaussian_of(h[i]);
    a[i] = h[i] * at.phi;
    h[i] = at.phi + h[i] * at.density;
  }
}

template <class T>
RowLoops<T> make_table() {
  return {normalise<T>, normalise_backward<T>, quick_gelu<T>, quick_gelu_slope<T>, gelu,
          gelu_slope};
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
