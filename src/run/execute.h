// The work of one cell. Private to the room.
#pragma once

#include <map>
#include <string>
#include <utility>

#include "run/plan.h"
#include "run/store.h"

namespace qprompt::run {

/// What a process keeps between cells: the model, and the data sets and test lists of the cells at
/// hand, so that a test list is opened once for all prompts that follow each other.
class Workshop {
 public:
  Workshop(const Clip& clip, const Plan& plan, std::string out);
  /// Does the cell; throws what went wrong with it.
  Outcome execute(const Cell& cell, Log& log);

 private:
  using TestKey = std::pair<std::string, Half>;

  Outcome encode_images(const Cell& cell, Log& log);
  Outcome score_zero_shot(const Cell& cell, Log& log);
  Outcome learn_and_score(const Cell& cell, Log& log);
  const Split& split_of(const SetSpec& set, Log& log);
  const TestSet& test_of(const TestSpec& spec, Log& log);
  void forget_all_but(const Cell& cell);
  FeatureOptions features() const;

  Clip clip_;
  const Plan& plan_;
  std::string out_;
  std::map<std::string, Split> splits_;
  std::map<TestKey, TestSet> tests_;
  int64_t encoded_ = 0;  ///< images that the present cell had to encode
};

/// Digest of class names and listed images.
std::string split_digest(const Split& split);

}  // namespace qprompt::run
