// CoOp's ways of splitting a set that comes without a split (datasets/dtd.py, oxford_pets.py).
#include <algorithm>
#include <cmath>
#include <unordered_map>

#include "dataset/impl/readers.h"

namespace qprompt::dataset {
namespace {

/// Python's `round`: halves go to the even neighbour.
int64_t round_half_even(double x) { return static_cast<int64_t>(std::nearbyint(x)); }

bool leaves_folder(std::string_view path) {
  for (size_t from = 0; from <= path.size();) {
    const size_t slash = std::min(path.find('/', from), path.size());
    if (path.substr(from, slash - from) == "..") return true;
    from = slash + 1;
  }
  return false;
}

}  // namespace

std::string with_slashes(std::string path) {
  std::replace(path.begin(), path.end(), '\\', '/');
  return path;
}

std::string path_fault(const std::string& path) {
  constexpr size_t kMaxPathBytes = 4096;
  if (path.empty()) return "the path is empty";
  if (path.size() > kMaxPathBytes) return cat("the path has ", path.size(), " bytes");
  if (path.find('\0') != std::string::npos) return "the path holds a zero byte";
  if (path[0] == '/' || leaves_folder(path)) {
    return "the path '" + path + "' must be relative to the image folder and stay below it";
  }
  return "";
}

void split_class(Split& split, const std::vector<std::string>& paths, int64_t label, Rng& rng) {
  const auto n = static_cast<int64_t>(paths.size());
  const int64_t n_train = round_half_even(0.5 * static_cast<double>(n));
  const int64_t n_val = round_half_even(0.2 * static_cast<double>(n));
  const std::vector<int64_t> order = rng.permutation(n);
  for (int64_t i = 0; i < n; ++i) {
    auto& list = i < n_train ? split.train : i < n_train + n_val ? split.val : split.test;
    list.push_back({paths[static_cast<size_t>(order[static_cast<size_t>(i)])], label});
  }
}

void split_trainval(Split& split, const std::vector<Item>& items, Rng& rng) {
  std::vector<int64_t> labels;  // in order of first appearance
  std::unordered_map<int64_t, std::vector<size_t>> places;
  for (size_t i = 0; i < items.size(); ++i) {
    auto& group = places[items[i].label];
    if (group.empty()) labels.push_back(items[i].label);
    group.push_back(i);
  }
  for (const int64_t label : labels) {
    const std::vector<size_t>& group = places[label];
    const auto n = static_cast<int64_t>(group.size());
    const int64_t n_val = round_half_even(0.2 * static_cast<double>(n));
    const std::vector<int64_t> order = rng.permutation(n);
    for (int64_t i = 0; i < n; ++i) {
      const size_t place = group[static_cast<size_t>(order[static_cast<size_t>(i)])];
      (i < n_val ? split.val : split.train).push_back(items[place]);
    }
  }
}

}  // namespace qprompt::dataset
