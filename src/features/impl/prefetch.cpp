#include "features/impl/prefetch.h"

#include <algorithm>

namespace qprompt {
namespace {

Loaded load(const Source& source, int64_t item) {
  Loaded loaded;
  try {
    loaded.pixels = source.load(item);
  } catch (const Error& e) {
    loaded.reason = e.what();
    loaded.kind = e.kind();
  } catch (...) {
    loaded.other = std::current_exception();
  }
  return loaded;
}

}  // namespace

Prefetch::Prefetch(Source source, int64_t threads, int64_t ahead)
    : source_(std::move(source)),
      ahead_(std::max<int64_t>(1, ahead)),
      slots_(static_cast<size_t>(ahead_)),
      ready_(static_cast<size_t>(ahead_), false) {
  const int64_t helpers = std::min(threads, source_.count) - 1;
  for (int64_t t = 0; t < helpers; ++t) threads_.emplace_back([this] { work(); });
}

Prefetch::~Prefetch() {
  {
    const std::lock_guard lock(mutex_);
    stopped_ = true;
  }
  changed_.notify_all();
  for (std::thread& thread : threads_) thread.join();
}

/// Loads the first item that nobody has claimed, without the lock while it loads.
void Prefetch::load_one(std::unique_lock<std::mutex>& lock) {
  const int64_t item = claimed_++;
  lock.unlock();
  Loaded loaded = load(source_, item);
  lock.lock();
  const auto slot = static_cast<size_t>(item % ahead_);
  slots_[slot] = std::move(loaded);
  ready_[slot] = true;
  changed_.notify_all();
}

void Prefetch::work() {
  std::unique_lock lock(mutex_);
  for (;;) {
    changed_.wait(lock, [this] { return stopped_ || claimed_ == source_.count || may_claim(); });
    if (stopped_ || claimed_ == source_.count) return;
    load_one(lock);
  }
}

Loaded Prefetch::next() {
  std::unique_lock lock(mutex_);
  const auto slot = static_cast<size_t>(taken_ % ahead_);
  while (!ready_[slot]) {
    if (may_claim()) {
      load_one(lock);
    } else {
      changed_.wait(lock);
    }
  }
  Loaded loaded = std::move(slots_[slot]);
  slots_[slot] = Loaded{};
  ready_[slot] = false;
  ++taken_;
  changed_.notify_all();
  if (loaded.other) std::rethrow_exception(loaded.other);
  return loaded;
}

}  // namespace qprompt
