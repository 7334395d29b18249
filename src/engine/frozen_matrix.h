// Products with a matrix that never changes: laid out once for the processor, then used each step.
#pragma once

#include <ATen/core/Tensor.h>

#include <functional>
#include <memory>
#include <string>

namespace qprompt::engine {

/// What is done with a product while it is still in the caches; undefined tensors do nothing.
/// y = product + bias + add, or a(product + bias), or product ∘ times.
struct Epilogue {
  at::Tensor bias = {};   ///< (columns)
  at::Tensor add = {};    ///< (rows, columns)
  at::Tensor times = {};  ///< (rows, columns)
  enum class Act { kNone, kQuickGelu, kGelu } act = Act::kNone;
};

/// What becomes of weights that were laid out for the kernel. Results are the same.
enum class Packing {
  kKept,    ///< they stay: twice the memory of the weights where both directions are used
  kPassing  ///< laid out for each product where that costs little; not where they stay already
};

/// A frozen weight W (out, in), on the CPU in float or double. A row of a result depends on that
/// row of x alone: it has the same bits whatever rows stand beside it, and for any number of
/// threads. Which kernel multiplies is decided by the processor alone: oneDNN's for weights laid
/// out in advance where the processor has one (AVX-512 at present), and else loops of this room.
/// BLAS would lay weights out at every product, and its rows depend on their place among the
/// others. Cheap to copy; const use is thread-safe.
class FrozenMatrix {
 public:
  FrozenMatrix() = default;
  explicit FrozenMatrix(at::Tensor weight);

  const at::Tensor& weight() const;  ///< (out, in)
  /// y (N, out) = x (N, in) Wᵀ, then the epilogue. All contiguous; y is not x or a part of it.
  void apply_transposed(const at::Tensor& x, const at::Tensor& y, const Epilogue& then,
                        Packing packing = Packing::kKept) const;
  /// y (N, in) = x (N, out) W, then the epilogue: the gradient's way back.
  void apply(const at::Tensor& x, const at::Tensor& y, const Epilogue& then,
             Packing packing = Packing::kKept) const;

 private:
  struct State;
  std::shared_ptr<State> state_;
};

/// Calls f(begin, end) for the rows of a (rows, width) buffer, in pieces on all threads.
void for_rows(int64_t rows, int64_t width, const std::function<void(int64_t, int64_t)>& f);

/// "oneDNN (brgemm:avx512_core)" or "own loops (256 bit)": which product FrozenMatrix uses here.
std::string product_name();

}  // namespace qprompt::engine
