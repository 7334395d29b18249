// What a training shows while it runs, and the curves it leaves behind.
#pragma once

#include <string>
#include <vector>

#include "cli/signals.h"

namespace qprompt::cli {

struct TrainingWatchOptions {
  std::string csv;          ///< file of the curves; empty: none
  std::string tensorboard;  ///< folder for an event file; empty: none
  bool terminal = false;    ///< a bar is drawn; otherwise each epoch is a line
};

/// Loss, rate and time left: in the bar on a terminal, else a line an epoch. `finish` writes what a
/// second without an epoch has not written yet. A training that goes on from a checkpoint keeps the
/// rows of the epochs before it.
class TrainingWatch : public SignalObserver {
 public:
  TrainingWatch(Log& log, TrainingWatchOptions options);
  Stop step(std::string_view what, int64_t done, int64_t total) override;
  void epoch(const EpochReport& report) override;
  void finish();

 private:
  void keep_earlier_rows(int64_t epochs);
  void add_events(const EpochReport& report);
  std::string time_left(double done) const;

  Log& log_;
  TrainingWatchOptions options_;
  std::vector<std::string> rows_;  ///< of the CSV file, without its header
  std::string events_, event_path_;
  std::string shown_;  ///< of the last epoch, for the bar
  double started_ = 0, saved_ = 0;
  double first_done_ = -1;  ///< share that was done when this process began
  bool begun_ = false, changed_ = false;
};

}  // namespace qprompt::cli
