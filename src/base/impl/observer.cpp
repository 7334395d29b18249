#include "base/observer.h"

namespace qprompt {

Stop Observer::step(std::string_view, int64_t, int64_t) { return Stop::kNo; }
void Observer::epoch(const EpochReport&) {}
void Observer::finding(const Finding&) {}

Stop LogObserver::step(std::string_view what, int64_t done, int64_t total) {
  log_.progress(what, done, total);
  return Stop::kNo;
}

void LogObserver::finding(const Finding& finding) {
  finding.warns ? log_.warn(finding.text) : log_.note(finding.text);
}

Error stopped(Stop why, const std::string& kept) {
  const char* by = "at a callback's word";
  if (why == Stop::kInterrupted) by = "by SIGINT";
  if (why == Stop::kTerminated) by = "by SIGTERM";
  if (why == Stop::kLeaseLost) by = "because the lease on this work was lost";
  const ErrorKind kind = why == Stop::kInterrupted ? ErrorKind::kInterrupted : ErrorKind::kStopped;
  return {kind, cat("stopped ", by, "; ", kept)};
}

bool can_go_on(const Error& error) {
  return error.kind() == ErrorKind::kInterrupted || error.kind() == ErrorKind::kStopped;
}

void ask(Observer* observer, std::string_view what, int64_t done, int64_t total) {
  if (observer == nullptr) return;
  const Stop stop = observer->step(what, done, total);
  if (stop == Stop::kNo) return;
  throw stopped(
      stop, cat(what, " ended after ", done, " of ", total, "; the same command starts it again"));
}

}  // namespace qprompt
