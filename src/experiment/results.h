// Room `experiment`: what an experiment asked for, and what is there of it.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "method/kinds.h"
#include "qprompt/base.h"

namespace qprompt {

/// What an experiment is called, and how its cells are laid out in a report.
struct Heading {
  std::string name;   ///< unique in a store
  std::string title;  ///< for people
  Protocol protocol = Protocol::kBaseToNew;
  std::vector<std::string> methods;   ///< labels, in order
  std::vector<std::string> datasets;  ///< tested, in order; the source first in transfers
  std::vector<int64_t> shots;
  std::string recipe;     ///< TOML text; empty where a command made the plan
  std::string published;  ///< TOML text of published numbers; empty: none
};

/// One scored test list. `truth`, `predictions` and `confidences` are per image, in one order.
struct ScoredList {
  std::string dataset, half;       ///< "dtd"; "all", "base" or "new"
  int64_t epoch = -1;              ///< finished epochs of a watched training; -1: its result
  int64_t total = 0, correct = 0;  ///< images
  int64_t failed = 0;              ///< unreadable images, not in `total`
  std::shared_ptr<const std::vector<std::string>> classes;
  std::shared_ptr<const std::vector<int64_t>> truth;  ///< indices into `classes`
  std::vector<int64_t> predictions;                   ///< likewise
  std::vector<float> confidences;                     ///< probability of the predicted class
  /// Of lists over all classes: the largest probability of a base class, one an image.
  std::vector<float> base_scores;

  double accuracy() const { return total == 0 ? 0 : 100.0 * double(correct) / double(total); }
};

enum class CellState { kWaiting, kRunning, kDone, kFailed };
/// "waiting", "running", "done", "failed".
const std::string& state_name(CellState state);

/// One cell as it stands.
struct CellOutcome {
  std::string key;      ///< tells cells of one plan from those of another
  std::string kind;     ///< "images", "templates" or "prompt"
  std::string label;    ///< of the method
  std::string dataset;  ///< trained on
  int64_t shots = 0;
  uint64_t seed = 0;
  int64_t bits = 0;  ///< 0 where values are not quantized
  CellState state = CellState::kWaiting;
  std::string error;
  std::string training;       ///< its id: `Store::get(prompt_id(training))` is the prompt
  std::string prompt_digest;  ///< empty for templates
  int64_t payload_bytes = 0, file_bytes = 0;
  double seconds = 0;               ///< of features and training, where it was done
  std::vector<ScoredList> scores;   ///< one a test list, in the cell's order
  std::vector<ScoredList> watched;  ///< at the watched epochs: by epoch, then in the cell's order
};

/// How much of an experiment is read.
enum class Detail {
  kStates,  ///< without scores: cheap
  kAll
};

struct Results {
  Heading heading;
  std::vector<CellOutcome> cells;  ///< in the order of the plan

  int64_t count(CellState state) const;
  int64_t open() const;  ///< neither done nor failed
  /// Cells that stand for a line of a report: all but those that encode images.
  int64_t planned() const;
  /// "QCoOp 1 bit, dtd, 16 shots, seed 1: error" of each failed cell.
  std::vector<std::string> failures() const;
};

/// "all" for 0, or the number.
std::string shots_name(int64_t shots);
/// "QCoOp 1 bit, dtd, 16 shots, seed 1".
std::string cell_name(const CellOutcome& cell);

}  // namespace qprompt
