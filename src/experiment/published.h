// What a recipe asked for and what is there of it, as reports read it.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace qprompt {

/// The field's four ways of measuring a prompt: train on the base half and test both halves; train
/// on K images a class and test all classes; train on one data set and test others, or shifted
/// versions of itself.
enum class Protocol { kBaseToNew, kFewShot, kCrossDataset, kDomain };
/// "base-to-new", "few-shot", "cross-dataset", "domain"; the choices of a recipe's `protocol`.
const std::vector<std::string>& protocol_names();

/// One scored test list. `truth` and `predictions` are per image, indices into `classes`.
struct TestResult {
  std::string dataset, half;  ///< "dtd"; "all", "base" or "new"
  int64_t total = 0, correct = 0, failed = 0;
  std::shared_ptr<const std::vector<std::string>> classes;
  std::shared_ptr<const std::vector<int64_t>> truth;
  std::vector<int64_t> predictions;
};
/// One finished cell of a recipe's matrix.
struct CellResult {
  std::string method;   ///< "QCoOp 1 bit"
  std::string dataset;  ///< trained on
  int64_t shots = 0;
  uint64_t seed = 0;
  int64_t payload_bytes = 0;
  std::vector<TestResult> tests;
};
/// Published numbers in percent: data set (or "average") → base, new, H for base-to-new, one value
/// for cross-dataset and domain, one a shot for few-shot.
struct PublishedMethod {
  double bytes = -1;  ///< size as published; negative: not stated
  std::map<std::string, std::vector<double>> values;
};
struct Published {
  std::string source;        ///< where the numbers come from
  int64_t average_over = 0;  ///< number of data sets behind "average"
  std::map<std::string, PublishedMethod> methods;
};
/// What one recipe asked for, and what is there of it.
struct Experiment {
  std::string name, title;
  Protocol protocol = Protocol::kBaseToNew;
  std::vector<std::string> methods;   ///< in the recipe's order
  std::vector<std::string> datasets;  ///< tested, in order; the source first in transfers
  std::vector<int64_t> shots;
  std::vector<CellResult> cells;  ///< finished ones
  int64_t planned = 0;
  std::vector<std::string> failures;  ///< "cell: error"
  Published published;
};

}  // namespace qprompt
