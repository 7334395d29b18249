// Methods compared on what they share, draw by draw and image by image; and scores beside accuracy.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/paired.h"
#include "base/statistics.h"
#include "report/paper.h"

namespace qprompt {

/// One number of a method minus that of the method it is compared with, in percent points.
struct Difference {
  std::string classes;  ///< what it is over: "base", "new", "all", or "H"
  int64_t draws = 0;    ///< that both have
  double mean = 0;
  std::optional<PairedT> over_draws;     ///< of two draws or more
  std::optional<Interval> over_images;   ///< bootstrap over draws and images; of one data set
  std::optional<McNemar> of_first_draw;  ///< not of H; of one data set
};
struct Comparison {
  std::string method, against;
  std::string dataset;  ///< or "average of N data sets"
  int64_t shots = 0;
  std::vector<Difference> differences;
};
/// Every method against `against`; empty: the first one that learns. Of base-to-new and few-shot
/// experiments, for each data set and, of several, their average; zero-shot CLIP, which has no
/// draws, stands for every draw. Throws kUsage when there is no such method.
std::vector<Comparison> comparisons(const Experiment& experiment, const std::string& against);

/// One table a data set and number of shots, below it what its draws could show.
struct ComparisonTable {
  Table table;
  std::string note;
};
std::vector<ComparisonTable> layout(const std::vector<Comparison>& comparisons);

/// A score beside accuracy, of a method over its seeds, in percent.
struct OtherScore {
  std::string method, dataset;
  int64_t shots = 0;
  std::string name;  ///< and what it is over: "ECE, new"
  Spread value;
  int64_t seeds = 0;
};
/// Macro-F1 and calibration error over base, new or all classes; where the list of all classes was
/// scored too, joint accuracy of base and new images (both halves' classes together), its harmonic
/// mean, the joint calibration error and OpenworldAUC.
std::vector<OtherScore> other_scores(const Experiment& experiment);
/// A table a data set and number of shots, a row a method, without the scores that none has.
std::vector<Table> score_tables(const Experiment& experiment);

}  // namespace qprompt
