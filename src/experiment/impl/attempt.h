// One cell under way: its lease, and its training between a store and a folder of its own. Private
// to the room.
#pragma once

#include <condition_variable>
#include <filesystem>
#include <mutex>
#include <string>
#include <thread>

#include "base/observer.h"
#include "experiment/cell.h"
#include "experiment/run.h"
#include "experiment/store.h"

namespace qprompt {

/// Id of the prompt as it would have been written after a watched epoch; kept until it is scored.
std::string watched_id(const std::string& training, int64_t epoch);
/// Id of the checkpoint of a training that is not finished. One of other threads or another device
/// is another one's.
std::string checkpoint_id(const std::string& training, const FitOptions& fit);

/// While it lives, a thread keeps the claim's lease, and hands a checkpoint to the store as soon as
/// it is written.
class Heartbeat {
 public:
  Heartbeat(Store& store, const Claim& claim, double lease_seconds);
  ~Heartbeat();
  Heartbeat(const Heartbeat&) = delete;
  Heartbeat& operator=(const Heartbeat&) = delete;

  /// Whether somebody else has the claim, or may have it.
  bool lost() const;
  /// From now on this file is the checkpoint; empty: none is. The newest one is handed on first.
  void watch(const std::string& path, const std::string& id);

 private:
  void beat();
  void hand_on();

  Store& store_;
  const Claim claim_;
  const double lease_seconds_;
  mutable std::mutex mutex_;
  std::condition_variable woken_;
  bool ended_ = false, lost_ = false;
  std::string path_, id_;
  std::filesystem::file_time_type handed_on_{};
  std::thread thread_;
};

/// What a training was and how it went.
struct TrainedCell {
  int64_t encoded = 0, resumed_epoch = 0;
  Findings findings;
};
/// Trains into a folder that belongs to this claim alone. Prompt and record are put when it is
/// finished, the prompt last: a training whose prompt is in the store is finished.
struct TrainingPlace {
  const Clip& clip;
  Store& store;
  const RunOptions& options;
  Heartbeat& heartbeat;
  Observer& observer;
};
TrainedCell train_cell(const TrainingPlace& place, const Cell& cell, const Claim& claim);

}  // namespace qprompt
