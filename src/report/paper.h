// Results as a paper prints them: tables, files for programs, the page.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "experiment/published.h"
#include "experiment/results.h"
#include "qprompt/dataset.h"
#include "report/table.h"

namespace qprompt {

/// What one experiment asked for, and what is there of it.
struct Experiment {
  Heading heading;
  std::vector<CellOutcome> cells;  ///< finished ones, without those that encode images
  int64_t planned = 0;
  std::vector<std::string> failures;  ///< "cell: error"
  Published published;
};
/// Throws kContent naming `where` when the published numbers that it keeps cannot be read.
Experiment experiment_of(const Results& results, const std::string& where);
/// The experiments of a database, or the one that is named (kUsage when there is none).
/// `published` names a file of published numbers in place of the recorded ones; empty: those.
std::vector<Experiment> read_results(const std::string& database, const std::string& experiment,
                                     const std::string& published);

/// One number of a paper's table over seeds; empty where nothing is finished.
struct Measure {
  std::optional<double> mean, published;
  double deviation = 0;  ///< population, over seeds
  int64_t seeds = 0;
};
struct PaperRow {
  std::string method;
  int64_t bytes = 0;  ///< of the stored prompt, without the file's frame
  double published_bytes = -1;
  std::vector<Measure> measures;  ///< one a column
};
struct PaperTable {
  std::string title;
  std::vector<std::string> columns;
  std::vector<PaperRow> rows;
};
/// The tables of a paper: the average over data sets first, then each data set. H of an average is
/// the harmonic mean of the averages, its ± that of the seeds' own H.
std::vector<PaperTable> paper_tables(const Experiment& experiment);
/// For people: a row a method, below it the published row and the difference where they exist.
Table layout(const PaperTable& table);
/// One line a number, for programs: experiment, table, method, bytes, column, mean, std, …
Table long_table(const std::vector<Experiment>& experiments);
/// Everything above, comparisons, other scores and per-class counts, as one JSON text.
std::string results_json(const std::vector<Experiment>& experiments,
                         const std::string& against = "");

/// The images of a data set, as the experiment calls it, where they are at hand.
struct Pictures {
  std::string dataset;
  Split split;  ///< whole
};
struct ResultsPage {
  std::vector<std::pair<std::string, std::string>> facts = {};  ///< at its head (PageHead)
  std::string against = {};             ///< what methods are compared with (report/comparison.h)
  std::vector<Pictures> pictures = {};  ///< for thumbnails of what is taken for what
};
/// One page without outside parts: tables, few-shot curves, comparisons, per-class results with
/// confusion.
std::string results_html(const std::vector<Experiment>& experiments, const ResultsPage& page);

/// Counts of one test list over all seeds of a method.
struct ClassCounts {
  std::string method, dataset, half;
  int64_t shots = 0, seeds = 0;
  std::vector<std::string> names;                       ///< C
  std::vector<int64_t> total, correct, predicted;       ///< C
  std::map<std::pair<int64_t, int64_t>, int64_t> hits;  ///< (true, predicted) → images
};
/// One a method, test list and number of shots, in the experiment's order.
std::vector<ClassCounts> class_counts(const Experiment& experiment);

}  // namespace qprompt
