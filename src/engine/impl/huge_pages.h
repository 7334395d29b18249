// Memory for weights that are laid out for a kernel.
#pragma once

#include <sys/mman.h>

#include <cstdint>
#include <memory>
#include <new>

namespace qprompt::engine {

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

/// This thread's memory for weights that are laid out for one product. It is kept, since fresh
/// pages would cost as much as what is written there.
inline void* passing_room(size_t bytes) {
  thread_local std::unique_ptr<HugePages> room;
  if (!room || room->size() < bytes) room = std::make_unique<HugePages>(bytes);
  return room->data();
}

}  // namespace qprompt::engine
