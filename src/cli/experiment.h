// What the commands share that train more than once: where results are kept, and how many processes
// work.
#pragma once

#include <memory>

#include "cli/app.h"
#include "experiment/run.h"

namespace qprompt::cli {

struct ExperimentOptions {
  std::string database;  ///< SQLite file; empty: the default place, beside the cache
  std::string cache;     ///< of image features
  std::string out;       ///< folder for copies of prompts and records; empty: none
  int64_t jobs = 1;
  bool retry = false, overwrite = false;
  std::string invocation;      ///< of the parent, in a child
  int64_t worker_threads = 0;  ///< of a child
};
/// Adds --db, --jobs, --retry and, where a command makes `copies`, --out.
void add_experiment_options(Command& command, ExperimentOptions& options, bool copies = true);

/// Sets the threads of this process, and returns them: the user's; else `usual`, where 0 means all
/// cores for one process and one core for each of several.
int64_t use_threads(const ExperimentOptions& options, const Session& session, int64_t usual);

/// What came of it.
struct Experimented {
  Results results;
  std::shared_ptr<const Store> store;  ///< has the prompts and what was watched
  std::string database;                ///< empty: nothing is kept
  std::vector<std::string> folders;    ///< of the copies, one a cell; empty without --out
  bool printed_by_parent = false;      ///< this is a child, which prints nothing
};
Experimented run_experiment(const Clip& clip, Planner& planner, const ExperimentOptions& options,
                            const FeatureOptions& features, const Session& session);

/// Throws kContent when cells failed, after a line for each on standard error.
void check_failures(const Results& results);

}  // namespace qprompt::cli
