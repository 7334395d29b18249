#include "cli/signals.h"

#include <csignal>

namespace qprompt::cli {
namespace {

/// Global, since a handler has nowhere else to put what it saw.
volatile std::sig_atomic_t seen_signal = 0;

void remember(int signal) { seen_signal = signal; }

void set_handlers(void (*handler)(int), int flags) {
  struct sigaction action {};
  action.sa_handler = handler;
  action.sa_flags = flags;
  ::sigemptyset(&action.sa_mask);
  ::sigaction(SIGINT, &action, nullptr);
  ::sigaction(SIGTERM, &action, nullptr);
}

}  // namespace

// SA_RESETHAND: who asks twice does not want to wait for the step's end.
SignalObserver::SignalObserver(Log& log) : LogObserver(log) {
  seen_signal = 0;
  set_handlers(remember, SA_RESTART | static_cast<int>(SA_RESETHAND));
}

SignalObserver::~SignalObserver() { set_handlers(SIG_DFL, 0); }

Stop SignalObserver::step(std::string_view what, int64_t done, int64_t total) {
  if (seen_signal == SIGINT) return Stop::kInterrupted;
  if (seen_signal == SIGTERM) return Stop::kTerminated;
  return LogObserver::step(what, done, total);
}

}  // namespace qprompt::cli
