// Items loaded ahead of their use by other threads, in order. Private to the room.
#pragma once

#include <ATen/core/Tensor.h>

#include <condition_variable>
#include <cstdint>
#include <exception>
#include <functional>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "qprompt/base.h"

namespace qprompt {

/// The pixels of one image, or why there are none.
struct Loaded {
  at::Tensor pixels;  ///< (3, R, R); undefined where loading failed
  std::string reason;
  ErrorKind kind = ErrorKind::kContent;
  std::exception_ptr other;  ///< anything but an Error, which `next` throws again
};

/// What is to be loaded: items 0 … count − 1 by `load`, which may throw and runs on any thread.
struct Source {
  int64_t count = 0;
  std::function<at::Tensor(int64_t)> load;
};

/// Hands out a source's items in order. `threads` − 1 threads load ahead, at most `ahead` items
/// beyond the one that was taken last; the caller loads too where it would have to wait. The
/// destructor stops them.
class Prefetch {
 public:
  Prefetch(Source source, int64_t threads, int64_t ahead);
  ~Prefetch();
  Prefetch(const Prefetch&) = delete;
  Prefetch& operator=(const Prefetch&) = delete;

  /// The next item; to be called `count` times at most.
  Loaded next();

 private:
  bool may_claim() const { return claimed_ < source_.count && claimed_ < taken_ + ahead_; }
  void load_one(std::unique_lock<std::mutex>& lock);
  void work();

  Source source_;
  int64_t ahead_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<Loaded> slots_;  ///< item i waits in slot i mod ahead
  std::vector<bool> ready_;
  int64_t claimed_ = 0, taken_ = 0;
  bool stopped_ = false;
  std::vector<std::thread> threads_;
};

}  // namespace qprompt
