#include "dataset/impl/equal_files.h"

#include <array>
#include <map>
#include <set>
#include <unordered_map>

#include "dataset/impl/readers.h"

namespace qprompt::dataset {
namespace {

/// Where a path is listed.
struct Standing {
  std::set<int> lists;  ///< 0: training, 1: validation, 2: test
  std::set<int64_t> labels;
};

std::unordered_map<std::string, Standing> standings_of(const Split& split) {
  std::unordered_map<std::string, Standing> places;
  int list = 0;
  for (const auto* items : {&split.train, &split.val, &split.test}) {
    for (const Item& item : *items) {
      places[item.path].lists.insert(list);
      places[item.path].labels.insert(item.label);
    }
    ++list;
  }
  return places;
}

/// Files that are equal, told by the first of each list.
std::string what_is_wrong(const std::vector<std::string>& paths,
                          const std::unordered_map<std::string, Standing>& places) {
  constexpr std::array<const char*, 3> kNames{"training", "validation", "test"};
  Standing all;
  for (const std::string& path : paths) {
    const Standing& place = places.at(path);
    all.lists.insert(place.lists.begin(), place.lists.end());
    all.labels.insert(place.labels.begin(), place.labels.end());
  }
  if (all.labels.size() > 1) return "equal files of different classes";
  std::string names;
  for (const int list : all.lists) {
    names += cat(names.empty() ? "" : " and ", kNames[static_cast<size_t>(list)]);
  }
  return all.lists.size() > 1 ? cat("equal files among both ", names, " images")
                              : cat("equal files among the ", names, " images");
}

}  // namespace

std::vector<std::string> describe_equal_files(const Split& split,
                                              const std::vector<HashedFile>& files) {
  const std::unordered_map<std::string, Standing> places = standings_of(split);
  std::map<Digest::Bytes, std::vector<std::string>> groups;
  for (const HashedFile& file : files) groups[file.digest].push_back(file.path);
  std::map<std::string, std::vector<std::string>> found;
  for (const auto& [digest, paths] : groups) {
    if (paths.size() < 2) continue;
    std::string equal;
    for (const std::string& path : paths) equal += (equal.empty() ? "" : " = ") + path;
    found[what_is_wrong(paths, places)].push_back(equal);
  }
  std::vector<std::string> notes;
  for (const auto& [what, groups_of_kind] : found) {
    notes.push_back(cat(what, ": ", groups_of_kind.size(), " group",
                        plural(static_cast<int64_t>(groups_of_kind.size())), ", ",
                        first_few(groups_of_kind)));
  }
  return notes;
}

}  // namespace qprompt::dataset
