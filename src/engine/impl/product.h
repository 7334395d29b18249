// Who multiplies with a frozen matrix.
#pragma once

#include <memory>
#include <string>

#include "engine/frozen_matrix.h"

namespace qprompt::engine {

/// y (N, n) = x (N, k) B for a frozen B (k, n). A row of y depends on that row of x alone: it has
/// the same bits whatever rows stand beside it, however many there are and on whatever threads.
class Product {
 public:
  virtual ~Product() = default;
  virtual void run(const at::Tensor& x, const at::Tensor& y, const Epilogue& then,
                   Packing packing) const = 0;
};

/// Weights pass (Packing::kPassing) for so many rows and more: with fewer, laying them out each
/// time would cost more than about an eighth of the product …
constexpr int64_t kManyRows = 384;
/// … and for fewer than so many: the rows that the last block reads, a small part of a tower's
/// work.
constexpr int64_t kFewRows = 32;

/// Loops of this room, on any processor. `b` (k, n), float or double on the CPU, of any strides.
std::unique_ptr<Product> make_panel_product(const at::Tensor& b);
std::string panel_kernel();

/// oneDNN, with weights that it lays out: nullptr where it is not built in, has no kernel for
/// packed weights of this size, or gives results that are wrong or not each row's own, which is
/// tried.
std::unique_ptr<Product> make_onednn_product(const at::Tensor& b);
/// The name of oneDNN's kernel for packed weights; empty where there is none.
std::string onednn_kernel();

/// y = a(y) for the rows of y, on all threads.
void activate_rows(const at::Tensor& y, Epilogue::Act act);

}  // namespace qprompt::engine
