// Ctrl-C and SIGTERM as a wish that work heeds at its next step.
#pragma once

#include "base/observer.h"

namespace qprompt::cli {

/// While it lives, the first SIGINT or SIGTERM is remembered, and the next step that asks is told
/// to stop; the second ends the process as ever. Draws progress and warns as LogObserver does.
class SignalObserver : public LogObserver {
 public:
  explicit SignalObserver(Log& log);
  ~SignalObserver() override;
  SignalObserver(const SignalObserver&) = delete;
  SignalObserver& operator=(const SignalObserver&) = delete;
  Stop step(std::string_view what, int64_t done, int64_t total) override;
};

}  // namespace qprompt::cli
