// The CPU loops of a product with a matrix that lies in panels. Every element of a result is summed
// in one order, whatever rows stand beside it and whatever thread has it.
#pragma once

#include <cstdint>

namespace qprompt::engine {

/// B (k, n) by panels of `PanelLoops::width` columns: panel after panel, in each its k rows one
/// after the other; the last panel is filled up with zeros.
template <class T>
struct PanelSource {
  const T* b = nullptr;  ///< element (i, j) is b[i · row + j · column]
  int64_t row = 0, column = 0;
  int64_t k = 0, n = 0;
};

/// y (N, n) = x (N, k) B, then + bias + add, or ∘ times, where these are not null.
template <class T>
struct PanelJob {
  const T* x = nullptr;       ///< (N, k)
  const T* panels = nullptr;  ///< B
  T* y = nullptr;             ///< (N, n)
  int64_t k = 0, n = 0;
  const T* bias = nullptr;   ///< (n)
  const T* add = nullptr;    ///< (N, n)
  const T* times = nullptr;  ///< (N, n)
};

/// A rectangle of y: rows [row, row_end) of panels [panel, panel_end).
struct PanelRange {
  int64_t row = 0, row_end = 0, panel = 0, panel_end = 0;
};

/// One table for each instruction set.
template <class T>
struct PanelLoops {
  int64_t width = 0;  ///< columns of a panel
  void (*lay_out)(const PanelSource<T>& from, int64_t panel, int64_t panel_end, T* panels);
  void (*multiply)(const PanelJob<T>& job, PanelRange range);
};

/// The table for this processor, for float and double.
template <class T>
const PanelLoops<T>& panel_loops();

}  // namespace qprompt::engine
