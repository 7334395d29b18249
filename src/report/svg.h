// Figures as inline SVG. Private to the room.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "qprompt/report.h"

namespace qprompt::report {

/// Curves over named places, with error bars.
struct Chart {
  struct Series {
    std::string name;
    std::vector<std::optional<double>> values;  ///< one a place
    std::vector<double> deviations;
  };
  std::string title;
  std::vector<std::string> places;
  std::vector<Series> series;
};
std::string line_chart(const Chart& chart);

/// True class down, predicted class across; dark is many. For at most kMatrixClasses classes.
inline constexpr size_t kMatrixClasses = 64;
std::string confusion_matrix(const ClassCounts& counts);

}  // namespace qprompt::report
