// What watches long work: progress, Ctrl-C, a lost lease, callbacks and event files are one hook.
// It is asked at each step and may say stop.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "qprompt/base.h"

namespace qprompt {

/// Why work is to end before it is done.
enum class Stop {
  kNo,           ///< go on
  kInterrupted,  ///< SIGINT: exit code 130
  kTerminated,   ///< SIGTERM: exit code 75
  kLeaseLost,    ///< somebody else does this work now, so nothing of it may be written any more
  kAsked         ///< a callback said so
};

/// Something that a function left out, shortened or took for granted. It is in the function's
/// result; who called decides what is printed and recorded.
struct Finding {
  std::string topic;  ///< one word for programs: "skipped", "shortened", "resumed", …
  std::string text;   ///< one sentence for people, naming the file or class
  bool warns = true;  ///< false: good to know, and no reason to worry
};
using Findings = std::vector<Finding>;

/// A training between two epochs.
struct EpochReport {
  int64_t epoch = 0;         ///< finished epochs; 0: before the first
  int64_t epochs = 0;        ///< in all
  int64_t steps = 0;         ///< finished steps of the training
  double learning_rate = 0;  ///< of the epoch's last step; 0 before the first epoch
  double loss = 0;           ///< mean over the epoch's steps; 0 before the first epoch
  /// The bytes of the `.qprompt` file that would be written now. Costs nothing until called; valid
  /// during `Observer::epoch` only.
  std::function<std::string()> prompt;
  /// The same file with the values as they are trained: float32, not quantized.
  std::function<std::string()> exact_prompt;
};

/// The hook. Every function has a default that does nothing, so that an observer overrides only
/// what it wants. Observers are called by the thread that does the work.
class Observer {
 public:
  virtual ~Observer() = default;
  /// `done` of `total` steps of `what` ("training", "encoding images") are finished. Anything but
  /// kNo ends the work at this border: it keeps what it needs to go on, then throws `stopped`.
  virtual Stop step(std::string_view what, int64_t done, int64_t total);
  /// A training begins (epoch 0, or the last that a checkpoint held), or an epoch is finished.
  virtual void epoch(const EpochReport& report);
  /// As soon as it is found; the same findings are in the result.
  virtual void finding(const Finding& finding);
};

/// Draws the progress on a log, and says the findings there; never stops.
class LogObserver : public Observer {
 public:
  explicit LogObserver(Log& log) : log_(log) {}
  Stop step(std::string_view what, int64_t done, int64_t total) override;
  void finding(const Finding& finding) override;

 private:
  Log& log_;
};

/// The error that ends stopped work: kInterrupted (130) for SIGINT, else kStopped (75). `kept` says
/// what is on disk and how to go on, as a sentence's end: "the same command goes on from there".
Error stopped(Stop why, const std::string& kept);

/// True for the errors that `stopped` makes: the work did not fail, it can go on.
bool can_go_on(const Error& error);

/// For loops that keep nothing: asks the observer, if there is one, and throws `stopped`.
void ask(Observer* observer, std::string_view what, int64_t done, int64_t total);

}  // namespace qprompt
