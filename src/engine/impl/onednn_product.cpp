#include "engine/impl/onednn_product.h"

#ifdef QPROMPT_ONEDNN

#include <sys/mman.h>

#include <cstdint>
#include <map>
#include <mutex>
#include <oneapi/dnnl/dnnl.hpp>
#include <tuple>

#include "base/aten.h"

#endif

namespace qprompt::engine {

#ifndef QPROMPT_ONEDNN

std::unique_ptr<PackedProduct> make_packed_product(const at::Tensor&) { return nullptr; }
std::string packed_kernel() { return {}; }

#else

namespace {

using Act = Epilogue::Act;
using Tag = dnnl::memory::format_tag;

constexpr auto kFloat = dnnl::memory::data_type::f32;
constexpr int64_t kTypicalRows = 256;  // the layout is chosen for about so many rows
/// Weights pass for so many rows and more: with fewer, laying them out each time would cost more
/// than about an eighth of the product …
constexpr int64_t kManyRows = 384;
/// … and for fewer than so many: the rows that the last block reads, a small part of a tower's
/// work.
constexpr int64_t kFewRows = 32;
constexpr size_t kMostPrepared = 64;  // one for each number of rows and epilogue met
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

/// Memory for packed weights, on huge pages where the system gives them: every step streams through
/// all weights of a tower, and with small pages it waits for address translation. Outside of the
/// heap, where blocks that stay would lie between blocks that come and go.
class HugePages {
 public:
  explicit HugePages(size_t bytes) : mapped_(bytes + kPage) {
    begin_ = mmap(nullptr, mapped_, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (begin_ == MAP_FAILED) throw std::bad_alloc();
#ifdef MADV_HUGEPAGE
    // Whole ones only: a last one that is half used would be held whole.
    if (bytes >= kPage) madvise(data(), bytes / kPage * kPage, MADV_HUGEPAGE);
#endif
  }
  ~HugePages() { munmap(begin_, mapped_); }
  HugePages(const HugePages&) = delete;
  HugePages& operator=(const HugePages&) = delete;

  void* data() const {
    const auto address = reinterpret_cast<uintptr_t>(begin_);
    return reinterpret_cast<void*>((address + kPage - 1) / kPage * kPage);
  }
  size_t size() const { return mapped_ - kPage; }

 private:
  static constexpr size_t kPage = size_t{2} << 20;
  size_t mapped_;
  void* begin_;
};

/// This thread's room for weights that are laid out for one product. It is kept, since fresh pages
/// would cost as much as what is written there.
void* passing_room(size_t bytes) {
  thread_local std::unique_ptr<HugePages> room;
  if (!room || room->size() < bytes) room = std::make_unique<HugePages>(bytes);
  return room->data();
}

class OneDnnProduct : public PackedProduct {
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
    const Form form{x.size(0), then.bias.defined(), then.add.defined(), then.times.defined(),
                    then.act};
    if (form.rows == 0) return;
    const Prepared prepared = prepare(form);
    const auto memory = [&](const at::Tensor& t, int64_t rows, int64_t columns) {
      return dnnl::memory(dense(rows, columns), engine_, t.data_ptr());
    };
    std::unordered_map<int, dnnl::memory> arguments{
        {DNNL_ARG_SRC, memory(x, form.rows, k_)},
        {DNNL_ARG_WEIGHTS, weights_for(form.rows, packing)},
        {DNNL_ARG_DST, memory(y, form.rows, n_)},
    };
    if (form.bias) arguments.emplace(DNNL_ARG_BIAS, memory(then.bias, 1, n_));
    int place = 0;
    for (const at::Tensor& other : {then.add, then.times}) {
      if (!other.defined()) continue;
      arguments.emplace(DNNL_ARG_ATTR_MULTIPLE_POST_OP(place++) | DNNL_ARG_SRC_1,
                        memory(other, form.rows, n_));
    }
    execute(prepared, std::move(arguments));
  }

 private:
  struct Prepared {
    dnnl::primitive product;
    dnnl::memory::desc scratch;
  };

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
    if (prepared_.size() >= kMostPrepared) prepared_.clear();
    return prepared_.emplace(form, make(form)).first->second;
  }

  Prepared make(const Form& form) const {
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

}  // namespace

std::unique_ptr<PackedProduct> make_packed_product(const at::Tensor& b) {
  if (b.scalar_type() != at::kFloat || !b.is_cpu()) return nullptr;
  const dnnl::engine engine = cpu();
  const auto best = typical(engine, b.size(0), b.size(1));
  if (!is_packed(best)) return nullptr;
  return std::make_unique<OneDnnProduct>(engine, best.weights_desc(), b);
}

std::string packed_kernel() {
  const dnnl::engine engine = cpu();
  const auto best = typical(engine, 512, 512);
  return is_packed(best) ? best.impl_info_str() : "";
}

#endif

}  // namespace qprompt::engine
