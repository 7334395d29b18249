#include <algorithm>
#include <iomanip>
#include <ostream>

#include "base/text.h"
#include "qprompt/base.h"

namespace qprompt {
namespace {

constexpr auto kRedrawInterval = std::chrono::milliseconds(100);
constexpr int kBarWidth = 30;

}  // namespace

void Log::note(const std::string& message) {
  if (out_ == nullptr || quiet_) return;
  clear_bar();
  *out_ << printable(message, true) << '\n' << std::flush;
}

void Log::warn(const std::string& message) {
  warnings_.push_back(message);
  if (out_ == nullptr) return;
  clear_bar();
  *out_ << "warning: " << printable(message, true) << '\n' << std::flush;
}

void Log::progress(std::string_view label, int64_t done, int64_t total) {
  if (out_ == nullptr || quiet_ || !bar_) return;
  const auto now = std::chrono::steady_clock::now();
  const bool finished = done >= total;
  if (!finished && bar_shown_ && now - last_drawn_ < kRedrawInterval) return;
  last_drawn_ = now;
  const double share = total > 0 ? std::clamp(double(done) / double(total), 0.0, 1.0) : 1.0;
  const int filled = static_cast<int>(share * kBarWidth);
  *out_ << '\r' << label << " [" << std::string(filled, '=') << std::string(kBarWidth - filled, ' ')
        << "] " << done << '/' << total << "\x1b[K" << std::flush;
  bar_shown_ = true;
  if (finished) clear_bar();
}

void Log::clear_bar() {
  if (bar_shown_ && out_ != nullptr) *out_ << "\r\x1b[K" << std::flush;
  bar_shown_ = false;
}

}  // namespace qprompt
