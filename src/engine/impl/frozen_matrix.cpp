#include "engine/frozen_matrix.h"

#include <ATen/Dispatch.h>

#include <mutex>

#include "base/aten.h"
#include "engine/impl/onednn_product.h"
#include "engine/impl/row_loops.h"
#include "qprompt/base.h"

namespace qprompt::engine {
namespace {

using Act = Epilogue::Act;

/// The epilogue where the product itself could not take it along: one pass, rows on all threads.
void finish(const at::Tensor& y, const Epilogue& then) {
  const int64_t width = y.size(1);
  AT_DISPATCH_FLOATING_TYPES(y.scalar_type(), "epilogue", [&] {
    const RowLoops<scalar_t>& loops = row_loops<scalar_t>();
    const auto rows_of = [&](const at::Tensor& t, int64_t row) -> const scalar_t* {
      return t.defined() ? t.data_ptr<scalar_t>() + row * width : nullptr;
    };
    for_rows(y.size(0), width, [&](int64_t begin, int64_t end) {
      const RowRange range{end - begin, width};
      scalar_t* rows = y.data_ptr<scalar_t>() + begin * width;
      if (then.bias.defined())
        loops.add(rows_of(then.bias, 0), rows_of(then.add, begin), range, rows);
      if (then.times.defined()) loops.multiply(rows_of(then.times, begin), range, rows);
      if (then.act == Act::kQuickGelu) loops.quick_gelu(range, rows);
    });
  });
  if (then.act == Act::kGelu) y.copy_(at::gelu(y));
}

/// y = x B by LibTorch, rows on all threads. BLAS keeps to one thread (configure_runtime), so that
/// the program has one pool of threads and not two that wait for each other.
void plain_product(const at::Tensor& x, const at::Tensor& b, const at::Tensor& y) {
  constexpr int64_t kLeastRows = 16;
  at::parallel_for(0, x.size(0), kLeastRows, [&](int64_t begin, int64_t end) {
    at::Tensor rows = y.narrow(0, begin, end - begin);
    at::mm_out(rows, x.narrow(0, begin, end - begin), b);
  });
}

}  // namespace

void for_rows(int64_t rows, int64_t width, const std::function<void(int64_t, int64_t)>& f) {
  constexpr int64_t kLeastValues = 16384;  // below that a second thread costs more than it brings
  at::parallel_for(0, rows, std::max<int64_t>(1, kLeastValues / std::max<int64_t>(1, width)), f);
}

struct FrozenMatrix::State {
  at::Tensor weight;  // (out, in)
  std::once_flag forward_once, backward_once;
  std::unique_ptr<PackedProduct> forward, backward;
};

FrozenMatrix::FrozenMatrix(at::Tensor weight) : state_(std::make_shared<State>()) {
  state_->weight = std::move(weight);
}

const at::Tensor& FrozenMatrix::weight() const { return state_->weight; }

void FrozenMatrix::apply_transposed(const at::Tensor& x, const at::Tensor& y, const Epilogue& then,
                                    Packing packing) const {
  State& state = *state_;
  std::call_once(state.forward_once,
                 [&] { state.forward = make_packed_product(state.weight.t()); });
  if (state.forward) return state.forward->run(x, y, then, packing);
  plain_product(x, state.weight.t(), y);
  finish(y, then);
}

void FrozenMatrix::apply(const at::Tensor& x, const at::Tensor& y, const Epilogue& then,
                         Packing packing) const {
  State& state = *state_;
  std::call_once(state.backward_once, [&] { state.backward = make_packed_product(state.weight); });
  if (state.backward) return state.backward->run(x, y, then, packing);
  plain_product(x, state.weight, y);
  finish(y, then);
}

std::string product_name() {
  const std::string kernel = packed_kernel();
  return kernel.empty() ? "LibTorch" : cat("oneDNN (", kernel, ")");
}

}  // namespace qprompt::engine
