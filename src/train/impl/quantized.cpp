#include "train/impl/quantized.h"

#include <sstream>

namespace qprompt::train {

std::vector<bool> choose_quantized(const std::vector<ParameterSpec>& specs,
                                   const std::string& names) {
  std::vector<bool> chosen(specs.size(), false);
  std::string all;
  for (size_t i = 0; i < specs.size(); ++i) {
    if (names.empty()) chosen[i] = specs[i].quantized;
    all += (all.empty() ? "" : ", ") + specs[i].name;
  }
  std::istringstream list(names);
  for (std::string name; std::getline(list, name, ',');) {
    if (name.empty()) continue;
    bool found = false;
    for (size_t i = 0; i < specs.size(); ++i) {
      const bool whole = specs[i].name == name;
      const bool part = specs[i].quantized && specs[i].name.rfind(name + ".", 0) == 0;
      if (!whole && !part) continue;
      chosen[i] = found = true;
    }
    if (!found) {
      fail(ErrorKind::kUsage, "quantized-tensors: '", name,
           "' is no tensor of this method; it has: ", all);
    }
  }
  return chosen;
}

}  // namespace qprompt::train
