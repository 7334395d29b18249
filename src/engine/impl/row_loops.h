// Row-wise loops of the frozen block, vectorised, with the instruction set chosen at run time.
#pragma once

#include <cstdint>

namespace qprompt::engine {

/// Rows [0, rows) of a contiguous (rows, width) buffer.
struct RowRange {
  int64_t rows = 0, width = 0;
};

template <class T>
struct NormLoop {
  const T* weight = nullptr;  ///< (width)
  const T* bias = nullptr;    ///< (width); backward does not read it
  T eps = 0;
};

template <class T>
struct NormGradients {
  const T* out = nullptr;  ///< dy
  const T* add = nullptr;  ///< gradient that reaches x by other ways
  T* in = nullptr;         ///< dx
};

/// One table of loops for each instruction set. All pointers are to the first row of the range;
/// in and out may be the same buffer where both are of the same shape.
template <class T>
struct RowLoops {
  /// y = LN(x); stats (rows, 2) takes mean and 1/deviation of each row.
  void (*normalise)(const T* x, const NormLoop<T>& norm, RowRange range, T* y, T* stats);
  /// dx = add + (∂LN/∂x)ᵀ dy, from the input x and the stats of the forward pass.
  void (*normalise_backward)(const T* x, const T* stats, const T* weight, RowRange range,
                             NormGradients<T> grads);
  /// h = a(h), quick GELU x·σ(1.702x).
  void (*quick_gelu)(RowRange range, T* h);
  /// a = quick GELU of h, and h becomes its slope there: all that backward needs of it.
  void (*quick_gelu_slope)(RowRange range, T* h, T* a);
  /// The same two for the exact GELU, x·Φ(x). Φ is within 2e-7 of itself in float, exact in double.
  void (*gelu)(RowRange range, T* h);
  void (*gelu_slope)(RowRange range, T* h, T* a);
};

/// The table for this processor, for float and double.
template <class T>
const RowLoops<T>& row_loops();

}  // namespace qprompt::engine
