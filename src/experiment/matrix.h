// Room `experiment`: methods × data sets × shots × seeds, by one of the field's protocols.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "experiment/run.h"
#include "qprompt/dataset.h"
#include "qprompt/train.h"

namespace qprompt {

/// A data set of a matrix. It is opened when its cells are planned; one that cannot be read fails
/// its own cells, and the others go on.
struct MatrixSet {
  std::string name;                     ///< as the experiment calls it
  std::function<Split(Log& log)> open;  ///< throws what is wrong with it
  std::string sample = {};              ///< file with the training items, in place of a draw
  std::vector<std::string> templates = {"a photo of a {}."};  ///< of zero-shot
};

/// A method of a matrix: zero-shot, or what to train on a data set at a number of shots.
struct MatrixMethod {
  std::string label;                   ///< "QCoOp 1 bit"
  std::vector<std::string> templates;  ///< of zero-shot; empty: the data set's own
  /// Unset: zero-shot. Seed, shots and class subset are set by the matrix.
  std::function<FitOptions(const std::string& dataset, int64_t shots)> fit;
};

/// What is to be measured. Base-to-new trains on the base classes and tests base and new ones;
/// few-shot tests all classes; the transfers train on `source` and test it and every other set.
struct Matrix {
  Heading heading;  ///< name, title, protocol, texts; the lists are filled from what follows
  std::vector<MatrixMethod> methods;
  std::vector<MatrixSet> sets;        ///< trained on and tested; in transfers: tested
  std::vector<MatrixSet> source;      ///< of transfers: the one that is trained on
  std::vector<int64_t> shots = {16};  ///< 0: all images
  std::vector<uint64_t> seeds = {1, 2, 3};
};

/// Hands out all cells at once. Warnings of opening and drawing go to `log`, which must outlive it.
std::unique_ptr<Planner> matrix_planner(Matrix matrix, Log& log);

/// Base-to-new on one split, for methods by their word ("coop", "qcoop", …): zero-shot first.
Matrix base_to_new(const Split& split, const std::vector<std::string>& methods, int64_t bits,
                   const FitOptions& fit);

}  // namespace qprompt
