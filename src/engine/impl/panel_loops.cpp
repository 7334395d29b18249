// Compiled once for each instruction set by Highway; `panel_loops` picks one when first called.
#include "engine/impl/panel_loops.h"

#include <hwy/detect_targets.h>

// Sums are kept in arrays of vectors, which vectors without a fixed size cannot be in.
#undef HWY_DISABLED_TARGETS
#define HWY_DISABLED_TARGETS (HWY_SVE | HWY_SVE2 | HWY_SVE_256 | HWY_SVE2_128 | HWY_RVV)
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "engine/impl/panel_loops.cpp"
#include <hwy/foreach_target.h>
// After the list of targets.
#include <algorithm>

#include "engine/impl/lanes-inl.h"

HWY_BEFORE_NAMESPACE();
namespace qprompt::engine {
namespace HWY_NAMESPACE {

// Rows of a tile, whose sums stay in registers, two vectors each: 12 of 16 registers, or 24 of 32.
#if (HWY_ARCH_X86 && HWY_TARGET <= HWY_AVX3) || HWY_ARCH_ARM_A64  // and better than AVX3
constexpr int kPanelTile = 12;
#else
constexpr int kPanelTile = 6;
#endif
constexpr int64_t kDepth = 256;     // rows of B at a time: so much of a panel stays in the L1 cache
constexpr int64_t kRowBlock = 240;  // rows of x at a time: kDepth of their columns stay in the L2

template <class T>
int64_t panel_width() {
  return static_cast<int64_t>(2 * hn::Lanes(Full<T>()));
}

template <class T>
void lay_out(const PanelSource<T>& from, int64_t panel, int64_t panel_end, T* panels) {
  const int64_t width = panel_width<T>();
  for (; panel < panel_end; ++panel) {
    T* to = panels + panel * from.k * width;
    const int64_t first = panel * width, columns = std::min(width, from.n - first);
    const T* b = from.b + first * from.column;
    for (int64_t k = 0; k < from.k; ++k, to += width, b += from.row) {
      for (int64_t j = 0; j < columns; ++j) to[j] = b[j * from.column];
      std::fill(to + columns, to + width, T(0));
    }
  }
}

/// Where a tile's sums go, and what is done with them; pointers are to its first row and column.
template <class T>
struct Tile {
  T* y;
  int64_t stride;
  bool continues;  // y holds the sums of earlier rows of B
  const T *bias, *add, *times;
  int64_t columns;  // of y in this panel
};

/// R rows of x (each `stride` from the next) times `depth` rows of one panel. The sum of an element
/// runs over these in order; it is the same for every R.
template <int R, class T>
HWY_INLINE void multiply_tile(const T* x, int64_t stride, const T* panel, int64_t depth,
                              const Tile<T>& to) {
  const Full<T> d;
  const auto lanes = static_cast<int64_t>(hn::Lanes(d));
  hn::Vec<Full<T>> sums[R][2];
#pragma GCC unroll 12
  for (int r = 0; r < R; ++r) sums[r][0] = sums[r][1] = hn::Zero(d);
  for (int64_t k = 0; k < depth; ++k, panel += 2 * lanes) {
    const auto b0 = hn::LoadU(d, panel), b1 = hn::LoadU(d, panel + lanes);
#pragma GCC unroll 12
    for (int r = 0; r < R; ++r) {
      const auto left = hn::Set(d, x[r * stride + k]);
      sums[r][0] = hn::MulAdd(left, b0, sums[r][0]);
      sums[r][1] = hn::MulAdd(left, b1, sums[r][1]);
    }
  }
#pragma GCC unroll 12
  for (int r = 0; r < R; ++r) {
#pragma GCC unroll 2
    for (int half = 0; half < 2; ++half) {
      const int64_t at = r * to.stride + half * lanes;
      auto sum = sums[r][half];
      if (to.continues) sum = hn::Add(sum, hn::LoadU(d, to.y + at));
      if (to.bias != nullptr) sum = hn::Add(sum, hn::LoadU(d, to.bias + half * lanes));
      if (to.add != nullptr) sum = hn::Add(sum, hn::LoadU(d, to.add + at));
      if (to.times != nullptr) sum = hn::Mul(sum, hn::LoadU(d, to.times + at));
      hn::StoreU(sum, d, to.y + at);
    }
  }
}

/// A panel of fewer columns: whole vectors beside y, then one value after the other.
template <int R, class T>
void multiply_narrow_tile(const T* x, int64_t stride, const T* panel, int64_t depth,
                          const Tile<T>& to) {
  const int64_t width = panel_width<T>();
  constexpr int64_t kMostValues = R * 2 * HWY_MAX_BYTES / sizeof(T);
  T sums[kMostValues];
  multiply_tile<R, T>(x, stride, panel, depth,
                      {sums, width, false, nullptr, nullptr, nullptr, width});
  for (int r = 0; r < R; ++r) {
    for (int64_t j = 0; j < to.columns; ++j) {
      const int64_t at = r * to.stride + j;
      T sum = sums[r * width + j];
      if (to.continues) sum += to.y[at];
      if (to.bias != nullptr) sum += to.bias[j];
      if (to.add != nullptr) sum += to.add[at];
      if (to.times != nullptr) sum *= to.times[at];
      to.y[at] = sum;
    }
  }
}

/// Rows [row, row + count) of one panel, for rows [k, k + depth) of B.
template <class T>
struct Strip {
  const PanelJob<T>& job;
  int64_t panel, k, depth;

  template <int R>
  HWY_INLINE void run(int64_t row) const {
    const int64_t width = panel_width<T>(), column = panel * width, columns = job.n - column;
    const int64_t at = row * job.n + column;
    const bool ends = k + depth == job.k;
    const auto from = [&](const T* values, int64_t index) {
      return ends && values != nullptr ? values + index : nullptr;
    };
    const Tile<T> to{job.y + at,          job.n,  k > 0, from(job.bias, column), from(job.add, at),
                     from(job.times, at), columns};
    const T* x = job.x + row * job.k + k;
    const T* b = job.panels + (panel * job.k + k) * width;
    if (columns >= width) return multiply_tile<R, T>(x, job.k, b, depth, to);
    multiply_narrow_tile<R, T>(x, job.k, b, depth, to);
  }
};

template <class T>
void multiply_panels(const PanelJob<T>& job, PanelRange range) {
  for (int64_t row = range.row; row < range.row_end; row += kRowBlock) {
    const int64_t row_end = std::min(row + kRowBlock, range.row_end);
    int64_t k = 0;
    do {
      const int64_t depth = std::min(kDepth, job.k - k);
      for (int64_t panel = range.panel; panel < range.panel_end; ++panel) {
        const Strip<T> strip{job, panel, k, depth};
        int64_t i = row;
        for (; i + kPanelTile <= row_end; i += kPanelTile) strip.template run<kPanelTile>(i);
        if (i + 6 <= row_end) strip.template run<6>(i), i += 6;
        if (i + 4 <= row_end) strip.template run<4>(i), i += 4;
        if (i + 2 <= row_end) strip.template run<2>(i), i += 2;
        if (i < row_end) strip.template run<1>(i);
      }
      k += depth;
    } while (k < job.k);
  }
}

PanelLoops<float> panels_of_floats() {
  return {panel_width<float>(), lay_out<float>, multiply_panels<float>};
}
PanelLoops<double> panels_of_doubles() {
  return {panel_width<double>(), lay_out<double>, multiply_panels<double>};
}

}  // namespace HWY_NAMESPACE
}  // namespace qprompt::engine
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace qprompt::engine {
namespace {
HWY_EXPORT(panels_of_floats);
HWY_EXPORT(panels_of_doubles);
}  // namespace

template <>
const PanelLoops<float>& panel_loops<float>() {
  static const PanelLoops<float> kLoops = HWY_DYNAMIC_DISPATCH(panels_of_floats)();
  return kLoops;
}

template <>
const PanelLoops<double>& panel_loops<double>() {
  static const PanelLoops<double> kLoops = HWY_DYNAMIC_DISPATCH(panels_of_doubles)();
  return kLoops;
}

}  // namespace qprompt::engine
#endif
