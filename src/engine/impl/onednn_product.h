// Products with weights that oneDNN has laid out in advance, where the processor has such a kernel.
#pragma once

#include <memory>
#include <string>

#include "engine/frozen_matrix.h"

namespace qprompt::engine {

/// y (N, n) = x (N, k) B for a frozen B (k, n), float32.
class PackedProduct {
 public:
  virtual ~PackedProduct() = default;
  virtual void run(const at::Tensor& x, const at::Tensor& y, const Epilogue& then,
                   Packing packing) const = 0;
};

/// `b` (k, n) may have any strides. nullptr where oneDNN is not built in or would not use packed
/// weights; then plain products are as fast.
std::unique_ptr<PackedProduct> make_packed_product(const at::Tensor& b);

/// The name of oneDNN's kernel for packed weights; empty where there is none.
std::string packed_kernel();

}  // namespace qprompt::engine
