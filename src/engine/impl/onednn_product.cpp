#include "engine/impl/product.h"

#ifdef QPROMPT_ONEDNN

#include <omp.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <map>
#include <mutex>
#include <oneapi/dnnl/dnnl.hpp>
#include <tuple>
#include <vector>

#include "base/aten.h"
#include "engine/impl/huge_pages.h"

#endif

namespace qprompt::engine {

#ifndef QPROMPT_ONEDNN

std::unique_ptr<Product> make_onednn_product(const at::Tensor&) { return nullptr; }
std::string onednn_kernel() { return {}; }

#else

namespace {

using Act = Epilogue::Act;
using Tag = dnnl::memory::format_tag;

constexpr auto kFloat = dnnl::memory::data_type::f32;
constexpr int64_t kTypicalRows = 256;  // the layout is chosen for about so many rows
constexpr float kQuickGeluSlope = 1.702f;

dnnl::memory::desc dense(int64_t rows, int64_t columns) {
  return {{rows, columns}, kFloat, Tag::ab};
}

/// Which epilogue a primitive was made for.
struct Form {
  int64_t rows = 0;
  bool bias = false, add = false, times = false;
  Act act = Act::kNone;
  auto key() const { return std::make_tuple(rows, bias, add, times, act); }
  bool operator<(const Form& other) const { return key() < other.key(); }
};

/// An engine is a handle without a state of its own.
dnnl::engine cpu() { return dnnl::engine(dnnl::engine::kind::cpu, 0); }

bool is_packed(const dnnl::matmul::primitive_desc& description) {
  return std::string(description.impl_info_str()).rfind("brg", 0) == 0;
}

/// A product of kTypicalRows rows with weights in the layout that oneDNN likes best.
dnnl::matmul::primitive_desc typical(const dnnl::engine& engine, int64_t k, int64_t n) {
  const dnnl::memory::desc any({k, n}, kFloat, Tag::any);
  return {dnnl::matmul::desc(dense(kTypicalRows, k), any, dense(kTypicalRows, n)), engine};
}

/// oneDNN plans a primitive for the threads that it would have; here it has one, since what it
/// plans may decide the order of a sum.
class OneThread {
 public:
  OneThread() : before_(omp_get_max_threads()) { omp_set_num_threads(1); }
  ~OneThread() { omp_set_num_threads(before_); }
  OneThread(const OneThread&) = delete;
  OneThread& operator=(const OneThread&) = delete;

 private:
  int before_;
};

/// Rows that go through one primitive at a time. A row's result is that of the same row in a block
/// of any size (`is_each_rows_own`), but rows of another number may be summed in another order.
constexpr std::array<int64_t, 4> kBlocks{128, 64, 32, 16};

/// Rows [first, first + rows) in a primitive of `size` rows.
struct RowBlock {
  int64_t first, rows, size;
};

std::vector<RowBlock> blocks_of(int64_t rows) {
  std::vector<RowBlock> blocks;
  for (int64_t first = 0; first < rows;) {
    const int64_t left = rows - first;
    const auto fits =
        std::find_if(kBlocks.begin(), kBlocks.end(), [&](int64_t size) { return size <= left; });
    const int64_t size = fits == kBlocks.end() ? kBlocks.back() : *fits;
    blocks.push_back({first, std::min(size, left), size});
    first += size;
  }
  return blocks;
}

/// The rows of a block, filled up with zeros; undefined where t is.
at::Tensor rows_of(const at::Tensor& t, const RowBlock& block) {
  if (!t.defined()) return t;
  const at::Tensor rows = t.narrow(0, block.first, block.rows);
  if (block.rows == block.size) return rows;
  const at::Tensor filled = at::zeros({block.size, t.size(1)}, t.options());  // (size, columns)
  filled.narrow(0, 0, block.rows).copy_(rows);
  return filled;
}

class OneDnnProduct : public Product {
 public:
  OneDnnProduct(const dnnl::engine& engine, const dnnl::memory::desc& layout, at::Tensor b)
      : engine_(engine), b_(std::move(b)), k_(b_.size(0)), n_(b_.size(1)), layout_(layout) {
    const dnnl::memory::desc plain({k_, n_}, kFloat, {b_.stride(0), b_.stride(1)});
    dnnl::primitive_attr attributes;
    attributes.set_scratchpad_mode(dnnl::scratchpad_mode::user);
    const dnnl::reorder::primitive_desc description(engine_, plain, engine_, layout_, attributes);
    from_ = dnnl::memory(plain, engine_, b_.data_ptr());
    lay_out_ = {dnnl::reorder(description), description.scratchpad_desc()};
  }

  void run(const at::Tensor& x, const at::Tensor& y, const Epilogue& then,
           Packing packing) const override {
    const std::vector<RowBlock> blocks = blocks_of(x.size(0));
    const dnnl::memory weights = weights_for(x.size(0), packing);
    at::parallel_for(0, static_cast<int64_t>(blocks.size()), 1, [&](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; ++i) run_block(x, y, then, blocks[i], weights);
    });
  }

 private:
  struct Prepared {
    dnnl::primitive product;
    dnnl::memory::desc scratch;
  };

  void run_block(const at::Tensor& x, const at::Tensor& y, const Epilogue& then,
                 const RowBlock& block, const dnnl::memory& weights) const {
    const int64_t rows = block.size;
    const bool whole = block.rows == rows;
    const at::Tensor from = rows_of(x, block);
    const at::Tensor to = whole ? rows_of(y, block) : at::empty({rows, n_}, y.options());
    const std::array<at::Tensor, 2> others{rows_of(then.add, block), rows_of(then.times, block)};
    const auto memory = [&](const at::Tensor& t, int64_t count, int64_t columns) {
      return dnnl::memory(dense(count, columns), engine_, t.data_ptr());
    };
    std::unordered_map<int, dnnl::memory> arguments{{DNNL_ARG_SRC, memory(from, rows, k_)},
                                                    {DNNL_ARG_WEIGHTS, weights},
                                                    {DNNL_ARG_DST, memory(to, rows, n_)}};
    if (then.bias.defined()) arguments.emplace(DNNL_ARG_BIAS, memory(then.bias, 1, n_));
    int place = 0;
    for (const at::Tensor& other : others) {
      if (!other.defined()) continue;
      arguments.emplace(DNNL_ARG_ATTR_MULTIPLE_POST_OP(place++) | DNNL_ARG_SRC_1,
                        memory(other, rows, n_));
    }
    const Form form{rows, then.bias.defined(), then.add.defined(), then.times.defined(), then.act};
    execute(prepare(form), std::move(arguments));
    if (!whole) y.narrow(0, block.first, block.rows).copy_(to.narrow(0, 0, block.rows));
  }

  void execute(const Prepared& what, std::unordered_map<int, dnnl::memory> arguments) const {
    const at::Tensor room = at::empty({static_cast<int64_t>(what.scratch.get_size())}, at::kByte);
    arguments.emplace(DNNL_ARG_SCRATCHPAD, dnnl::memory(what.scratch, engine_, room.data_ptr()));
    dnnl::stream stream(engine_);
    what.product.execute(stream, arguments);
    stream.wait();
  }

  dnnl::memory laid_out(void* where) const {
    const dnnl::memory to(layout_, engine_, where);
    execute(lay_out_, {{DNNL_ARG_FROM, from_}, {DNNL_ARG_TO, to}});
    return to;
  }

  /// The weights as the kernel takes them.
  dnnl::memory weights_for(int64_t rows, Packing packing) const {
    {
      const std::lock_guard lock(packing_);
      const bool passing = packing == Packing::kPassing && (rows >= kManyRows || rows < kFewRows);
      if (!packed_ && !passing) {
        room_ = std::make_unique<HugePages>(layout_.get_size());
        packed_ = laid_out(room_->data());
      }
      if (packed_) return packed_;
    }
    return laid_out(passing_room(layout_.get_size()));
  }

  Prepared prepare(const Form& form) const {
    const std::lock_guard lock(mutex_);
    if (const auto found = prepared_.find(form); found != prepared_.end()) return found->second;
    return prepared_.emplace(form, make(form)).first->second;
  }

  Prepared make(const Form& form) const {
    const OneThread plan_for_one;
    dnnl::post_ops after;
    if (form.add) after.append_binary(dnnl::algorithm::binary_add, dense(form.rows, n_));
    if (form.times) after.append_binary(dnnl::algorithm::binary_mul, dense(form.rows, n_));
    if (form.act == Act::kQuickGelu) {
      after.append_eltwise(1, dnnl::algorithm::eltwise_swish, kQuickGeluSlope, 0);
    } else if (form.act == Act::kGelu) {
      after.append_eltwise(1, dnnl::algorithm::eltwise_gelu_erf, 0, 0);
    }
    dnnl::primitive_attr attributes;
    attributes.set_post_ops(after);
    attributes.set_scratchpad_mode(dnnl::scratchpad_mode::user);
    const dnnl::memory::desc x = dense(form.rows, k_), y = dense(form.rows, n_);
    const auto what = form.bias ? dnnl::matmul::desc(x, layout_, dense(1, n_), y)
                                : dnnl::matmul::desc(x, layout_, y);
    const dnnl::matmul::primitive_desc description(what, attributes, engine_);
    return {dnnl::matmul(description), description.scratchpad_desc()};
  }

  dnnl::engine engine_;
  at::Tensor b_;  // (k, n)
  int64_t k_, n_;
  dnnl::memory::desc layout_;
  dnnl::memory from_;
  Prepared lay_out_;
  mutable std::mutex packing_;
  mutable std::unique_ptr<HugePages> room_;
  mutable dnnl::memory packed_;  // empty until the first product that keeps it
  mutable std::mutex mutex_;
  mutable std::map<Form, Prepared> prepared_;
};

/// Whether the product is right, and a row of it the same in every block and at every place there.
bool is_each_rows_own(const Product& product, const at::Tensor& b) {
  const int64_t rows = kBlocks.front(), k = b.size(0), n = b.size(1);
  const at::Tensor x = at::arange(rows * k, b.options()).mul_(0.37).sin_().view({rows, k});
  const auto run = [&](const at::Tensor& from) {
    const at::Tensor y = at::empty({from.size(0), n}, b.options());  // (rows of from, n)
    product.run(from, y, {}, Packing::kKept);
    return y;
  };
  const at::Tensor whole = run(x);  // (rows, n)
  const at::Tensor right = at::empty_like(whole);
  make_panel_product(b)->run(x, right, {}, Packing::kKept);
  const double size = right.abs().max().item<double>();
  if (!(whole.sub(right).abs().max().item<double>() <= 1e-4 * size)) return false;
  if (!run(x.flip(0).contiguous()).flip(0).equal(whole)) return false;
  for (const int64_t count : {int64_t{1}, int64_t{17}, int64_t{37}, int64_t{113}}) {
    if (!run(x.narrow(0, rows - count, count)).equal(whole.narrow(0, rows - count, count))) {
      return false;
    }
  }
  return true;
}

/// The same, tried once for matrices of one size: what a processor's kernels do never changes.
bool is_trusted(const Product& product, const at::Tensor& b) {
  static std::mutex mutex;
  static std::map<std::pair<int64_t, int64_t>, bool> tried;
  const std::lock_guard lock(mutex);
  const auto [found, added] = tried.try_emplace({b.size(0), b.size(1)}, false);
  if (added) found->second = is_each_rows_own(product, b);
  return found->second;
}

}  // namespace

std::unique_ptr<Product> make_onednn_product(const at::Tensor& b) {
  if (b.scalar_type() != at::kFloat) return nullptr;
  const dnnl::engine engine = cpu();
  const OneThread plan_for_one;
  const auto best = typical(engine, b.size(0), b.size(1));
  if (!is_packed(best)) return nullptr;
  auto product = std::make_unique<OneDnnProduct>(engine, best.weights_desc(), b);
  return is_trusted(*product, b) ? std::move(product) : nullptr;
}

std::string onednn_kernel() {
  const OneThread plan_for_one;
  const auto best = typical(cpu(), 512, 512);
  return is_packed(best) ? best.impl_info_str() : "";
}

#endif

}  // namespace qprompt::engine
