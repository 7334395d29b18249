// Training and scoring of one cell, and what is kept of it. Private to the room.
#pragma once

#include <map>
#include <set>
#include <string>
#include <vector>

#include "qprompt/eval.h"
#include "qprompt/study.h"
#include "study/plan.h"

namespace qprompt::study {

/// Keeps other processes out of the study's folder; the kernel opens it again when this one ends,
/// however it ends. Throws kPath when another one is in.
class OnlyMe {
 public:
  explicit OnlyMe(const std::string& folder);
  ~OnlyMe();
  OnlyMe(const OnlyMe&) = delete;
  OnlyMe& operator=(const OnlyMe&) = delete;

 private:
  int descriptor_ = -1;
};

struct Trained {
  StudySeed seed;
  int64_t payload_bytes = 0;
  bool kept = false;  ///< was finished before
};

/// What a study keeps open: the model, the draws, the test lists.
class Workplace {
 public:
  Workplace(const Clip& clip, const Split& split, const StudyOptions& options, Log& log);
  const TestSet& base() const { return base_; }
  const TestSet& fresh() const { return fresh_; }
  /// The cell's numbers with one seed: from its folder where it is finished, else trained now, from
  /// its checkpoint where there is one.
  Trained work(const Cell& cell, uint64_t seed, Log& log);
  /// The context's float values (N) at each watched epoch, of a cell with `weights` that is done.
  std::vector<std::vector<float>> weights(const Cell& cell, uint64_t seed) const;

 private:
  std::string folder_of(const Cell& cell, uint64_t seed) const;
  Trained train(const Cell& cell, uint64_t seed, const std::string& folder, Log& log);
  void fit_watched(const FitOptions& fit, const Cell& cell, Log& log);
  StudyPoint score(const TrainedPrompt& prompt, int64_t epoch) const;
  const Split& draw(uint64_t seed, Log& log);

  const Clip& clip_;
  const Split& split_;
  const StudyOptions& options_;
  std::string identity_;  ///< of model, data and machine settings
  TestSet base_, fresh_;
  std::map<uint64_t, Split> draws_;
  std::set<std::string> warned_;
};

}  // namespace qprompt::study
