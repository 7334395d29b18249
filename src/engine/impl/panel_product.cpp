#include <ATen/Dispatch.h>
#include <hwy/targets.h>

#include <mutex>

#include "base/aten.h"
#include "engine/impl/huge_pages.h"
#include "engine/impl/panel_loops.h"
#include "engine/impl/product.h"
#include "qprompt/base.h"

namespace qprompt::engine {
namespace {

template <class T>
class PanelProduct : public Product {
 public:
  explicit PanelProduct(at::Tensor b)
      : b_(std::move(b)), k_(b_.size(0)), n_(b_.size(1)), loops_(panel_loops<T>()) {}

  void run(const at::Tensor& x, const at::Tensor& y, const Epilogue& then,
           Packing packing) const override {
    const auto from = [](const at::Tensor& t) { return t.defined() ? t.data_ptr<T>() : nullptr; };
    const PanelJob<T> job{x.data_ptr<T>(),
                          panels_for(x.size(0), packing),
                          y.data_ptr<T>(),
                          k_,
                          n_,
                          from(then.bias),
                          from(then.add),
                          from(then.times)};
    multiply(job, x.size(0));
    activate_rows(y, then.act);
  }

 private:
  int64_t panels() const { return (n_ + loops_.width - 1) / loops_.width; }
  size_t bytes() const { return static_cast<size_t>(panels() * loops_.width * k_) * sizeof(T); }

  /// Threads get rows where there are many, panels where there are few.
  void multiply(const PanelJob<T>& job, int64_t rows) const {
    constexpr int64_t kRowsOfAThread = 96, kRowStep = 12, kPanelsOfAThread = 4;
    if (rows >= kRowsOfAThread * at::get_num_threads()) {
      const int64_t steps = (rows + kRowStep - 1) / kRowStep;
      at::parallel_for(0, steps, kRowsOfAThread / kRowStep, [&](int64_t begin, int64_t end) {
        loops_.multiply(job, {begin * kRowStep, std::min(end * kRowStep, rows), 0, panels()});
      });
      return;
    }
    at::parallel_for(0, panels(), kPanelsOfAThread, [&](int64_t begin, int64_t end) {
      loops_.multiply(job, {0, rows, begin, end});
    });
  }

  void lay_out(T* to) const {
    const PanelSource<T> from{b_.data_ptr<T>(), b_.stride(0), b_.stride(1), k_, n_};
    at::parallel_for(0, panels(), 1,
                     [&](int64_t begin, int64_t end) { loops_.lay_out(from, begin, end, to); });
  }

  const T* panels_for(int64_t rows, Packing packing) const {
    {
      const std::lock_guard lock(mutex_);
      const bool passing = packing == Packing::kPassing && (rows >= kManyRows || rows < kFewRows);
      if (!kept_ && !passing) {
        kept_ = std::make_unique<HugePages>(bytes());
        lay_out(static_cast<T*>(kept_->data()));
      }
      if (kept_) return static_cast<const T*>(kept_->data());
    }
    T* room = static_cast<T*>(passing_room(bytes()));
    lay_out(room);
    return room;
  }

  at::Tensor b_;  // (k, n)
  int64_t k_, n_;
  const PanelLoops<T>& loops_;
  mutable std::mutex mutex_;
  mutable std::unique_ptr<HugePages> kept_;  // empty until the first product that keeps it
};

}  // namespace

std::unique_ptr<Product> make_panel_product(const at::Tensor& b) {
  if (b.scalar_type() == at::kDouble) return std::make_unique<PanelProduct<double>>(b);
  return std::make_unique<PanelProduct<float>>(b);
}

std::string panel_kernel() {
  return cat(8 * sizeof(float) * static_cast<size_t>(panel_loops<float>().width) / 2, " bit");
}

}  // namespace qprompt::engine
