// The one kind of chart: inline SVG whose colours and letters are the page's (report/page.h).
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace qprompt {

/// One point of a series, with the reach of its deviation.
struct Mark {
  double x = 0, y = 0, deviation = 0;
};
struct Series {
  std::string name;  ///< empty: not in the legend
  std::vector<Mark> marks = {};
  bool dashed = false;  ///< a line to compare with: no marks, no band
  int64_t colour = -1;  ///< -1: by the place among the series
};
enum class Marks {
  kLines,         ///< lines with translucent bands of the deviation
  kPoints,        ///< points with error bars
  kJoinedPoints,  ///< the same, joined by thin lines
  kSteps,         ///< outlines of histograms: x are the bins' middles
};
struct Chart {
  std::string id;       ///< unique on its page
  std::string caption;  ///< what is seen, under the chart and for screen readers
  std::string x_label, y_label;
  Marks shape = Marks::kLines;
  std::vector<Series> series = {};
  std::vector<std::string> places = {};  ///< names of x = 0, 1, …; empty: x is a number
  bool from_zero = false;                ///< y begins at 0
  bool ordered = false;  ///< colours in one order: the series are stages of one thing
};
/// The chart as a <figure>. The same chart gives the same text.
std::string draw(const Chart& chart);

/// Coloured fields with two numbers in each: row by row from the bottom.
struct Heat {
  std::string id, caption, x_label, y_label;
  std::vector<std::string> columns = {}, rows = {};
  std::vector<double> values = {}, notes = {};  ///< rows × columns
};
std::string draw(const Heat& heat);

/// How many colours there are for series; further series begin again.
inline constexpr int64_t kSeriesColours = 6;
/// The strongest field of a heat map: how much of the first series' colour lies on the ground.
inline constexpr double kHeatOpacity = 0.35;

}  // namespace qprompt
