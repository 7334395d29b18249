#include "clip/onednn_product.h"

#ifdef QPROMPT_ONEDNN
#include <ATen/ATen.h>

#include <sys/mman.h>

#include <cstdint>
#include <map>
#include <mutex>
#include <oneapi/dnnl/dnnl.hpp>
#include <tuple>
#endif

namespace qprompt::clip {

#ifndef QPROMPT_ONEDNN

std::unique_ptr<PackedProduct> make_packed_product(const at::Tensor&) { return nullptr; }
std::string packed_kernel() { return {}; }

#else

namespace {

using Act = Epilogue::Act;
using Tag = dnnl::memory::format_tag;

constexpr auto kFloat = dnnl::memory::data_type::f32;
constexpr int64_t kTypicalRows = 256;  // the layout is chosen for about so many rows
constexpr size_t kMostPrepared = 64;   // one for each number of rows and epilogue met
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
    madvise(begin_, mapped_, MADV_HUGEPAGE);
#endif
  }
  ~HugePages() { munmap(begin_, mapped_); }
  HugePages(const HugePages&) = delete;
  HugePages& operator=(const HugePages&) = delete;

  void* data() const {
    const auto address = reinterpret_cast<uintptr_t>(begin_);
    return reinterpret_cast<void*>((address + kPage - 1) / kPage * kPage);
  }

 private:
  static constexpr size_t kPage = size_t{2} << 20;
  size_t mapped_;
  void* begin_;
};

class OneDnnProduct : public PackedProduct {
 public:
  OneDnnProduct(const dnnl::engine& engine, const dnnl::memory::desc& layout, const at::Tensor& b)
      : engine_(engine),
        k_(b.size(0)),
        n_(b.size(1)),
        room_(layout.get_size()),
        packed_(layout, engine, room_.data()) {
    const dnnl::memory::desc plain({k_, n_}, kFloat, {b.stride(0), b.stride(1)});
    dnnl::memory from(plain, engine_, b.data_ptr());
    dnnl::stream stream(engine_);
    dnnl::reorder(from, packed_).execute(stream, from, packed_);
    stream.wait();
  }

  void run(const at::Tensor& x, const at::Tensor& y, const Epilogue& then) const override {
    const Form form{x.size(0), then.bias.defined(), then.add.defined(), then.times.defined(),
                    then.act};
    if (form.rows == 0) return;
    const Prepared prepared = prepare(form);
    const auto memory = [&](const at::Tensor& t, int64_t rows, int64_t columns) {
      return dnnl::memory(dense(rows, columns), engine_, t.data_ptr());
    };
    std::unordered_map<int, dnnl::memory> arguments{
        {DNNL_ARG_SRC, memory(x, form.rows, k_)},
        {DNNL_ARG_WEIGHTS, packed_},
        {DNNL_ARG_DST, memory(y, form.rows, n_)},
    };
    if (form.bias) arguments.emplace(DNNL_ARG_BIAS, memory(then.bias, 1, n_));
    int place = 0;
    for (const at::Tensor& other : {then.add, then.times}) {
      if (!other.defined()) continue;
      arguments.emplace(DNNL_ARG_ATTR_MULTIPLE_POST_OP(place++) | DNNL_ARG_SRC_1,
                        memory(other, form.rows, n_));
    }
    const at::Tensor room =
        at::empty({static_cast<int64_t>(prepared.scratch.get_size())}, at::kByte);
    arguments.emplace(DNNL_ARG_SCRATCHPAD,
                      dnnl::memory(prepared.scratch, engine_, room.data_ptr()));
    dnnl::stream stream(engine_);
    prepared.product.execute(stream, arguments);
    stream.wait();
  }

 private:
  struct Prepared {
    dnnl::matmul product;
    dnnl::memory::desc scratch;
  };

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
    const dnnl::memory::desc w = packed_.get_desc();
    const auto what =
        form.bias ? dnnl::matmul::desc(x, w, dense(1, n_), y) : dnnl::matmul::desc(x, w, y);
    const dnnl::matmul::primitive_desc description(what, attributes, engine_);
    return {dnnl::matmul(description), description.scratchpad_desc()};
  }

  dnnl::engine engine_;
  int64_t k_, n_;
  HugePages room_;
  dnnl::memory packed_;
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

}  // namespace qprompt::clip
