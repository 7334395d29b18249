// Room `experiment`: where plans and results are kept. Nine verbs, ids and never paths, so that a
// second store can stand beside SQLite's.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/runtime.h"
#include "experiment/results.h"

namespace qprompt {

/// A result that a cell is about: done when all of them are there.
struct WantedScore {
  std::string id;             ///< `score_id`
  std::string dataset, half;  ///< as the experiment calls them
  int64_t epoch = -1;
};
/// A cell as a store knows it.
struct Entry {
  std::string kind, label, dataset;
  int64_t shots = 0;
  uint64_t seed = 0;
  int64_t bits = 0;
  std::string training;       ///< its id: what a claim is on
  std::string configuration;  ///< the text behind that id
  std::vector<WantedScore> scores;
  std::vector<std::string> blobs;  ///< ids of bytes that it wants too
  std::vector<std::string> after;  ///< trainings of cells that must be done or failed before
  std::string error;               ///< not empty: it cannot be done, and is entered as failed
};

/// Who works. Owners are data: nothing is opened, removed or signalled because of them.
struct Worker {
  std::string host;     ///< boot and process namespace: equal where processes can be looked up
  std::string machine;  ///< for people
  int64_t pid = 0;
  int64_t pid_started = 0;  ///< the kernel's time of its start, since process numbers come back
  std::string invocation;   ///< the same for all processes of one command

  static Worker self(const std::string& invocation);
};
/// Whether a worker of this host is gone. False for one of another host: its lease tells.
bool is_gone(const Worker& worker);

/// The right to do a training. `attempt` tells it from an earlier one of the same training.
struct Claim {
  std::string experiment;
  int64_t cell = 0;  ///< place in the plan
  std::string training;
  int64_t attempt = 0;
};

/// A scored list, ready to be kept.
struct NewScore {
  std::string id;
  ScoredList list;
};
/// What a finished cell leaves.
struct Outcome {
  std::string prompt_digest;
  int64_t payload_bytes = 0, file_bytes = 0;
  double seconds = 0;          ///< of features and training
  std::string machine = "{}";  ///< threads, device, product's maker, versions: JSON
  std::vector<NewScore> scores;
  std::vector<std::string> spent;  ///< ids of bytes that nobody needs any more
  // How this attempt went:
  double took = 0;  ///< seconds
  int64_t encoded = 0, resumed_epoch = 0, peak_memory_bytes = 0;
  std::vector<std::string> warnings;
};

/// Plans and results. Every verb may be repeated without harm. Thread-safe. Throws kPath where the
/// store cannot be reached, kContent where it is damaged.
class Store {
 public:
  virtual ~Store() = default;
  /// Enters an experiment, in place of an earlier plan of its name. What is done stays done. A
  /// failed cell that is in the plan again stays failed unless `retry`.
  virtual void plan(const Heading& heading, std::span<const Entry> cells, bool retry) = 0;
  /// The next cell of the experiment that is not done and whose training nobody holds; first takes
  /// back what the dead and those whose lease has run out held. A training that ends its process
  /// twice within one invocation is given up. Empty when there is nothing to do at present.
  virtual std::optional<Claim> claim(const std::string& experiment, const Worker& worker,
                                     double lease_seconds) = 0;
  /// False: somebody else has it, or may have it, so stop.
  virtual bool renew(const Claim& claim, double lease_seconds) = 0;
  /// Hands it back, not failed.
  virtual void release(const Claim& claim) = 0;
  /// Keeps the outcome. Ignored when the claim is no longer held.
  virtual void finish(const Claim& claim, const Outcome& outcome) = 0;
  /// Records that the cell cannot be done. Ignored when the claim is no longer held.
  virtual void fail(const Claim& claim, const std::string& why) = 0;
  /// The experiment as it stands. Throws kUsage, listing those that there are, when unknown.
  virtual Results results(const std::string& experiment, Detail detail) const = 0;
  /// Bytes under an id: prompts, records, checkpoints. The last ones put are kept; empty bytes
  /// remove what was there.
  virtual void put(const std::string& id, std::string_view bytes) = 0;
  /// Empty when there are none. The id "experiments" is the store's own: the names of its
  /// experiments, one a line, in the order in which they were first planned.
  virtual std::string get(const std::string& id) const = 0;
};

/// Seconds since an arbitrary start; the store's own clock where unset. For tests of leases.
using StoreClock = std::function<double()>;

std::unique_ptr<Store> memory_store(StoreClock clock = nullptr);

enum class StoreMode { kCreate, kReadOnly };
/// A store in an SQLite file, which any number of processes may use at once. Throws kPath (missing,
/// cannot be written), or kContent: another program's, damaged, or of another version, with what to
/// use instead.
std::unique_ptr<Store> sqlite_store(const std::string& path, StoreMode mode,
                                    StoreClock clock = nullptr);

/// The one place where commands meet: `experiments.db` in the cache folder; of `cache`, empty and
/// "none" mean the user's.
std::string default_store_path(const std::string& cache);

}  // namespace qprompt
