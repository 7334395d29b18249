// Room `report`: tables for people and programs, figures, the HTML page.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "method/kinds.h"

namespace qprompt {

/// A table: the first column is left-aligned, the others right-aligned.
struct Table {
  std::string title;
  std::vector<std::string> header;
  std::vector<std::vector<std::string>> rows;  ///< each as long as the header
};

/// Aligned columns for a terminal; widths count Unicode code points.
std::string to_text(const Table& table);
/// GitHub-flavoured Markdown.
std::string to_markdown(const Table& table);
/// RFC 4180, one header line; the title is left out.
std::string to_csv(const Table& table);

/// "78.50", or "78.50 ± 0.42" when a deviation is given (negative: none).
std::string percent(double mean, double deviation = -1);
/// "260 B", "4.1 KB", "1.8 MB" (decimal units, as the paper counts).
std::string byte_size(double bytes);
/// "0.8 s", "3 min 12 s".
std::string duration(double seconds);

/// The choices of a recipe's `protocol`.
inline const std::vector<std::string>& protocol_names() { return protocols(); }

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
/// Everything above, and per-class counts, as one JSON text.
std::string results_json(const std::vector<Experiment>& experiments);
/// One page without outside parts: tables, few-shot curves, per-class results with confusion.
std::string results_html(const std::vector<Experiment>& experiments);

/// The text with &, <, >, " and ' made harmless in HTML and SVG.
std::string html_escape(const std::string& text);
std::string html_table(const Table& table);
/// A page that opens from disk, without script or outside parts. `body` is HTML.
std::string html_page(const std::string& title, const std::string& body);

/// A figure as the program gnuplot draws it.
struct Plot {
  std::string id;       ///< unique on its page; prefix of the ids inside
  std::string caption;  ///< text
  std::string script;   ///< gnuplot's commands after the terminal is set
  int64_t width = 520, height = 340;
};
/// The figure as inline SVG in a <figure>. Throws kPath when `gnuplot` cannot be started, and
/// kInternal with its message when it refuses the script.
std::string draw_plot(const std::string& gnuplot, const Plot& plot);

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
