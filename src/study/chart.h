// Charts as gnuplot's commands. Private to the room.
#pragma once

#include <string>
#include <vector>

#include "qprompt/report.h"

namespace qprompt::study {

/// One point of a series, with the reach of its deviation.
struct Mark {
  double x = 0, y = 0, deviation = 0;
};
struct Series {
  std::string name;  ///< gnuplot's enhanced text; empty: not in the legend
  std::vector<Mark> marks = {};
  bool dashed = false;
  int64_t colour = -1;  ///< -1: by the place among the series
};
struct Chart {
  std::string id, caption, x_label, y_label;
  std::vector<Series> series = {};
  std::vector<std::string> places = {};  ///< names of x = 0, 1, …; empty: x is a number
  bool from_zero = false;                ///< nothing is negative
  bool narrow = false;                   ///< three fit beside each other
  bool ordered = false;  ///< colours from light to dark: the series are stages of one thing
};
/// Lines with translucent bands of the deviation.
Plot line_plot(const Chart& chart);
/// Points with error bars, joined by thin lines when `joined`.
Plot point_plot(const Chart& chart, bool joined);
/// Outlines of histograms: x are the bins' middles.
Plot step_plot(const Chart& chart);

/// Coloured fields with two numbers in each: row by row from the bottom.
struct Heat {
  std::string id, caption, x_label, y_label;
  std::vector<std::string> columns = {}, rows = {};
  std::vector<double> values = {}, notes = {};  ///< rows × columns
};
Plot heat_plot(const Heat& heat);

}  // namespace qprompt::study
