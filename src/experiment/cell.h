// Room `experiment`: one training, the lists it is scored on, and what else is kept of it.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "qprompt/clip.h"
#include "qprompt/dataset.h"
#include "qprompt/train.h"

namespace qprompt {

/// What a training learns from: the few-shot draw of a split, cut to a class subset.
struct DrawnList {
  std::shared_ptr<const Split> split;
  /// Filled in by `run`: of its name, class names, training items and the images' content.
  std::string digest;
  std::string val_digest;  ///< the same of its validation items, where they choose an epoch
};
/// Cheap to copy; make it once for all cells that train on it.
DrawnList drawn_list(Split split);

/// What a classifier is scored on: the test images of a class subset.
struct TestList {
  std::string dataset;                 ///< as the experiment calls it; in no identity
  std::shared_ptr<const Split> split;  ///< cut to `half`
  Half half = Half::kAll;
  std::string digest;  ///< filled in by `run`: of class names, test items, the images' content
};
TestList test_list(const std::string& dataset, const Split& whole, Half half);

/// What decides the bytes of a prompt, and nothing else; of zero-shot CLIP, its templates.
struct Training {
  DrawnList drawn;  ///< empty for templates
  FitOptions fit;   ///< method, options, seed, shots, class subset
  /// Not empty: nothing is learned. Those of each test list in turn, or one entry for all.
  std::vector<std::vector<std::string>> templates;
};

/// What is kept of a training besides its result. It is in no identity, and costs a training once
/// more where it was done before unwatched.
struct Watch {
  std::vector<int64_t> epochs;  ///< finished epochs, ascending; 0: before the first step
  bool scores = false;          ///< the test lists are scored at each of them
  bool weights = false;         ///< the float values are kept at each of them (`weights_id`)
};

enum class CellKind { kImages, kTemplates, kPrompt };
/// "images", "templates", "prompt".
const std::string& kind_name(CellKind kind);

/// A cell of an experiment: what is trained, and what it is scored on. Planners hand out templates
/// and prompts; `run` adds, for each data set, a cell that encodes what these read.
struct Cell {
  CellKind kind = CellKind::kPrompt;
  std::string label;    ///< of the method: "QCoOp 1 bit"; with the next three, a line of a report
  std::string dataset;  ///< as the experiment calls it
  Training training;
  std::vector<TestList> tests;
  Watch watch;
  std::vector<Training> readers;  ///< of an images cell: the trainings whose images it encodes
  std::string error;              ///< why it cannot be done, when that is known already
};

/// The rule that turns scores of classes into an answer: the most probable class.
inline const char* const kDecisionRule = "argmax 1";

/// The identity of a training, in one canonical text: fingerprint of the model, method, resolved
/// options, digest of the drawn list, seed, dtype, number of the numerics. Paths, machine, device,
/// threads, the product's maker and what is watched are not in it.
std::string training_text(const Clip& clip, const Training& training);
/// Digest of that text: 32 hexadecimal digits.
std::string training_id(const Clip& clip, const Training& training);
/// The identity of a score: a training after `epoch` finished epochs (kLastEpoch: its result), a
/// test list, a decision rule.
std::string score_id(const std::string& training, int64_t epoch, const std::string& list,
                     const std::string& rule = kDecisionRule);
inline constexpr int64_t kLastEpoch = -1;

/// Ids of what a store keeps as bytes: the `.qprompt` file, its run record (run.json), and the
/// 32-bit `.qprompt` file of the values as they were trained, after `epoch` finished epochs.
std::string prompt_id(const std::string& training);
std::string record_id(const std::string& training);
std::string weights_id(const std::string& training, int64_t epoch);

}  // namespace qprompt
