// Room `experiment`: numbers that a paper printed, to stand beside one's own.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace qprompt {

/// In percent: data set (or "average") → base, new, H for base-to-new, one value for cross-dataset
/// and domain, one a shot for few-shot.
struct PublishedMethod {
  double bytes = -1;  ///< size as published; negative: not stated
  std::map<std::string, std::vector<double>> values;
};
struct Published {
  std::string source;        ///< where the numbers come from
  int64_t average_over = 0;  ///< number of data sets behind "average"
  std::map<std::string, PublishedMethod> methods;
};
/// From their TOML text; throws kContent naming `file`. Empty text: none.
Published parse_published(const std::string& text, const std::string& file);

}  // namespace qprompt
