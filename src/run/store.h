// The runner's side of the database: planning, claiming, finishing. Private to the room.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "run/database.h"
#include "run/plan.h"

namespace qprompt::run {

/// The sign of life of a worker: a locked file, which the kernel unlocks when the process ends,
/// however it ends. Its name stands in the claims.
class LifeSign {
 public:
  /// Makes and locks a file in `folder`; throws kPath.
  explicit LifeSign(const std::string& folder);
  ~LifeSign();
  LifeSign(const LifeSign&) = delete;
  LifeSign& operator=(const LifeSign&) = delete;
  const std::string& name() const { return name_; }
  /// Whether the process behind a name in `folder` is still there.
  static bool alive(const std::string& folder, const std::string& name);

 private:
  std::string path_, name_;
  int descriptor_ = -1;
};

/// Keeps other processes out of a folder: cells of two recipes may share a prompt. Waits.
class FolderLock {
 public:
  explicit FolderLock(const std::string& folder);  ///< made when absent; throws kPath
  ~FolderLock();
  FolderLock(const FolderLock&) = delete;
  FolderLock& operator=(const FolderLock&) = delete;

 private:
  int descriptor_ = -1;
};

/// Who works: for claims and attempts.
struct Identity {
  std::string folder;      ///< of life signs
  std::string owner;       ///< name of the life sign
  std::string invocation;  ///< the same for all processes of one command
};

/// One scored test list, ready to be stored.
struct StoredScore {
  std::string dataset, half;
  Score score;
  std::vector<int64_t> truth;
};
/// What a finished cell leaves.
struct Outcome {
  std::string prompt;  ///< below the folder of prompts; empty for cells without one
  std::string prompt_digest, data_digest, record = "{}";
  int64_t payload_bytes = 0, file_bytes = 0;
  std::vector<StoredScore> scores;
  int64_t encoded = 0, resumed_epoch = 0;  ///< how it went
};
/// How an attempt went, besides its outcome.
struct Usage {
  double seconds = 0;
  std::vector<std::string> warnings;
};

/// The state of the cells of one recipe.
struct Progress {
  int64_t planned = 0, done = 0, failed = 0;
  int64_t open() const { return planned - done - failed; }
};

/// Enters the plan's cells; those that are there keep their state (failed ones wait again when
/// `retry`).
void register_plan(Database& database, const Plan& plan, bool retry);

struct Claim {
  std::string key;
  int64_t attempt = 0;
};
/// The next cell of the experiment that can be worked on, now owned by `self`; first hands back
/// what dead processes held. Empty when there is none at present.
std::optional<Claim> claim_cell(Database& database, const std::string& experiment,
                                const Identity& self);
void finish_cell(Database& database, const Claim& claim, const Plan& plan, const Outcome& outcome,
                 const Usage& usage);
void fail_cell(Database& database, const Claim& claim, const std::string& error,
               const Usage& usage);
Progress progress_of(Database& database, const std::string& experiment);
/// "cell: error" of each failed cell.
std::vector<std::string> failures_of(Database& database, const std::string& experiment);
/// State by cell key.
std::map<std::string, std::string> states_of(Database& database);

}  // namespace qprompt::run
