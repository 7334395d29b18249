// The work of one cell. Private to the room.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "base/observer.h"
#include "experiment/cell.h"
#include "experiment/impl/attempt.h"
#include "experiment/impl/list_digests.h"
#include "experiment/run.h"
#include "experiment/store.h"
#include "qprompt/eval.h"

namespace qprompt {

/// The id of a training or, for an images cell, of the lists that it encodes; of one that cannot be
/// done, of its names.
std::string cell_training_id(const Clip& clip, const Cell& cell, const FeatureOptions& features);
/// How images are read, device and dtype are the run's, not the planner's. Fills in the digests.
void use_run_options(const RunOptions& options, ListDigests& digests, Cell& cell);
/// The cell as a store knows it.
Entry entry_of(const Clip& clip, const Cell& cell, const FeatureOptions& features);

/// For each data set, a cell that encodes what the given cells read, so that the plain image tower
/// sees each image once, whatever the number of processes. None where nothing is cached.
std::vector<Cell> images_cells(const std::vector<Cell>& cells, const FeatureOptions& features);

/// What a process keeps between cells: the model, and the test lists of the cell at hand, so that
/// one is opened once for all prompts that follow each other.
class Workshop {
 public:
  Workshop(const Clip& clip, Store& store, const RunOptions& options);
  /// Does the cell; throws what went wrong with it, or `stopped`.
  Outcome execute(const Cell& cell, const Claim& claim, Heartbeat& heartbeat, Observer& observer);

 private:
  struct UnderWay {
    Heartbeat& heartbeat;
    Observer& observer;
  };
  Outcome encode_images(const Cell& cell, Log& log);
  Outcome score_zero_shot(const Cell& cell, const Claim& claim, Log& log);
  Outcome learn_and_score(const Cell& cell, const Claim& claim, const UnderWay& under_way,
                          Log& log);
  bool is_trained(const Cell& cell, const std::string& training) const;
  /// Of the prompt in `bytes`, which `training` had at the end of `epoch`.
  decltype(Outcome::scores) scores_of(const Cell& cell, const std::string& training, int64_t epoch,
                                      const std::string& bytes, Log& log);
  const TestSet& opened(const TestList& list, Log& log);
  void forget_all_but(const Cell& cell);

  const Clip clip_;
  Store& store_;
  const RunOptions& options_;
  FeatureOptions features_;               ///< of the present cell, which its observer watches
  std::map<std::string, TestSet> tests_;  ///< by the list's digest
  int64_t encoded_ = 0;                   ///< images that the present cell had to encode
};

}  // namespace qprompt
