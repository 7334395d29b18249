// Room `experiment`: planners hand out cells, a worker does them, a store keeps them.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "base/observer.h"
#include "experiment/cell.h"
#include "experiment/results.h"
#include "experiment/store.h"

namespace qprompt {

/// Hands out cells. It may look at results before it hands out more.
class Planner {
 public:
  virtual ~Planner() = default;
  virtual Heading heading() const = 0;
  /// More cells, seen what there is of the earlier ones; empty: that was all. Called first with no
  /// results. The same answers for the same results, in every process.
  virtual std::vector<Cell> next(const Results& results) = 0;
};

struct RunOptions {
  FeatureOptions features;  ///< cache, decoding and threads, of trainings and tests alike
  std::string device = "cpu", dtype = "float32";  ///< as the model was opened
  std::string scratch;  ///< folder for trainings under way; empty: the temporary folder
  bool retry = false;   ///< try failed cells again
  double lease_seconds = 120;
  /// This process is one of several of a command, which planned already.
  std::string invocation;
  /// Processes side by side, and the command that starts one: it makes the same planner and calls
  /// `run` with the invocation that is appended to it.
  int64_t jobs = 1;
  std::vector<std::string> worker_command;
  std::string store_name;  ///< for messages
};

/// Works until every cell is done or failed, by whichever process. What concerns one cell is
/// recorded with it; throws on what concerns all. The observer sees cells as steps of "cells", and
/// what trainings tell; its stop hands the claim back and throws `stopped`.
Results run(const Clip& clip, Planner& planner, Store& store, const RunOptions& options,
            Observer& observer);

/// Has the kernel end this process when its parent ends, so that nobody works unseen. For the
/// processes that `worker_command` starts.
void end_with_parent();

/// One cell as it stands, and what it costs on this machine.
struct PlannedCell {
  std::string name;         ///< "QCoOp 1 bit, dtd, 16 shots, seed 1"
  std::string state;        ///< "waiting", "running", "done", "failed"
  int64_t encode = 0;       ///< images that are encoded unless the cache has them
  int64_t steps = 0;        ///< of training
  double seconds = -1;      ///< estimate from a measured probe; negative: unknown
  std::string unknown_why;  ///< why there is no estimate
};
/// The cells of a planner with their cost; writes nothing but digests into the cache. `store` may
/// be null.
std::vector<PlannedCell> estimate(const Clip& clip, Planner& planner, const Store* store,
                                  const RunOptions& options, Observer& observer);

/// Copies prompts and records of finished cells into `folder`/<method>[-set][-shots]-seed<S>.
/// Returns the folder of each cell, empty where there is none. Throws kUsage where such a folder
/// has the prompt of another training, unless `overwrite`.
std::vector<std::string> copy_prompts(const Results& results, const Store& store,
                                      const std::string& folder, bool overwrite);

}  // namespace qprompt
