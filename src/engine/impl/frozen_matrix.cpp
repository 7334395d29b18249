#include "engine/frozen_matrix.h"

#include <ATen/Dispatch.h>

#include <mutex>

#include "base/aten.h"
#include "engine/impl/product.h"
#include "engine/impl/row_loops.h"
#include "qprompt/base.h"

namespace qprompt::engine {
namespace {

std::unique_ptr<Product> make_product(const at::Tensor& b) {
  if (auto product = make_onednn_product(b)) return product;
  return make_panel_product(b);
}

}  // namespace

void for_rows(int64_t rows, int64_t width, const std::function<void(int64_t, int64_t)>& f) {
  constexpr int64_t kLeastValues = 16384;  // below that a second thread costs more than it brings
  at::parallel_for(0, rows, std::max<int64_t>(1, kLeastValues / std::max<int64_t>(1, width)), f);
}

void activate_rows(const at::Tensor& y, Epilogue::Act act) {
  if (act == Epilogue::Act::kNone) return;
  const int64_t width = y.size(1);
  AT_DISPATCH_FLOATING_TYPES(y.scalar_type(), "activate_rows", [&] {
    const RowLoops<scalar_t>& loops = row_loops<scalar_t>();
    const auto run = act == Epilogue::Act::kGelu ? loops.gelu : loops.quick_gelu;
    for_rows(y.size(0), width, [&](int64_t begin, int64_t end) {
      run({end - begin, width}, y.data_ptr<scalar_t>() + begin * width);
    });
  });
}

struct FrozenMatrix::State {
  at::Tensor weight;  // (out, in)
  std::once_flag forward_once, backward_once;
  std::unique_ptr<Product> forward, backward;
};

FrozenMatrix::FrozenMatrix(at::Tensor weight) : state_(std::make_shared<State>()) {
  state_->weight = std::move(weight);
}

const at::Tensor& FrozenMatrix::weight() const { return state_->weight; }

void FrozenMatrix::apply_transposed(const at::Tensor& x, const at::Tensor& y, const Epilogue& then,
                                    Packing packing) const {
  State& state = *state_;
  std::call_once(state.forward_once, [&] { state.forward = make_product(state.weight.t()); });
  state.forward->run(x, y, then, packing);
}

void FrozenMatrix::apply(const at::Tensor& x, const at::Tensor& y, const Epilogue& then,
                         Packing packing) const {
  State& state = *state_;
  std::call_once(state.backward_once, [&] { state.backward = make_product(state.weight); });
  state.backward->run(x, y, then, packing);
}

std::string product_name() {
  const std::string kernel = onednn_kernel();
  return kernel.empty() ? cat("own loops (", panel_kernel(), ")") : cat("oneDNN (", kernel, ")");
}

}  // namespace qprompt::engine
