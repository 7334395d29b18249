#include <algorithm>
#include <array>
#include <filesystem>
#include <fstream>
#include <map>
#include <unordered_map>

#include "dataset/readers.h"
#include "qprompt/image.h"

namespace qprompt {
namespace {

namespace fs = std::filesystem;

constexpr size_t kHeaderBytes = size_t{64} << 10;
constexpr int64_t kMaxImageBytes = int64_t{1} << 30;

/// Paths of all lists, each once, in order of first appearance, with the lists that they stand in.
struct Listed {
  std::vector<const std::string*> paths;
  std::map<std::string, std::array<int64_t, 3>> counts;
};

Listed collect(const Split& split) {
  Listed listed;
  size_t list = 0;
  for (const auto* items : {&split.train, &split.val, &split.test}) {
    for (const Item& item : *items) {
      const auto [entry, is_new] = listed.counts.try_emplace(item.path);
      if (is_new) listed.paths.push_back(&entry->first);
      ++entry->second[list];
    }
    ++list;
  }
  return listed;
}

/// Throws what is wrong with the header. Its length is not known beforehand: a JPEG may carry other
/// blocks before it, so a file whose beginning does not do is read whole.
void probe_file(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  std::string head(kHeaderBytes, '\0');
  in.read(head.data(), static_cast<std::streamsize>(head.size()));
  head.resize(static_cast<size_t>(std::max<std::streamsize>(in.gcount(), 0)));
  if (head.size() == kHeaderBytes) {
    try {
      probe_image(head, path);
      return;
    } catch (const Error&) {
    }
  }
  probe_image(read_file(path, kMaxImageBytes), path);
}

void check_file(const std::string& relative, const std::string& path, bool decode,
                DataReport& report) {
  std::error_code ignored;
  if (!fs::is_regular_file(path, ignored)) {
    report.missing.push_back(relative);
    return;
  }
  try {
    if (decode) {
      read_image(path, DecodeOptions{});
    } else {
      probe_file(path);
    }
  } catch (const Error& error) {
    report.unreadable.push_back(relative + ": " + error.what());
  }
}

void count_classes(const Split& split, DataReport& report) {
  for (const std::string& name : split.class_names) report.classes.push_back({name, 0, 0, 0});
  const auto count = [&](const std::vector<Item>& items, int64_t DataReport::ClassCount::*field) {
    for (const Item& item : items) ++(report.classes.at(static_cast<size_t>(item.label)).*field);
  };
  count(split.train, &DataReport::ClassCount::train);
  count(split.val, &DataReport::ClassCount::val);
  count(split.test, &DataReport::ClassCount::test);
}

void note_names(const Split& split, DataReport& report) {
  std::map<std::string, std::vector<size_t>> labels;
  for (size_t i = 0; i < split.class_names.size(); ++i) labels[split.class_names[i]].push_back(i);
  for (const auto& [name, same] : labels) {
    if (same.size() < 2) continue;
    std::string list;
    for (const size_t label : same) list += cat(list.empty() ? "" : ", ", label);
    report.notes.push_back(cat("the class name '", name, "' has several labels: ", list));
  }
}

void note_repeats(const Listed& listed, DataReport& report) {
  constexpr std::array<const char*, 3> kNames = {"training", "validation", "test"};
  std::map<std::string, std::vector<std::string>> found;
  for (const std::string* path : listed.paths) {
    const auto& counts = listed.counts.at(*path);
    for (size_t a = 0; a < 3; ++a) {
      if (counts[a] > 1)
        found[cat("listed twice among the ", kNames[a], " images")].push_back(*path);
      for (size_t b = a + 1; b < 3; ++b) {
        if (counts[a] > 0 && counts[b] > 0) {
          found[cat("both ", kNames[a], " and ", kNames[b], " images")].push_back(*path);
        }
      }
    }
  }
  for (const auto& [what, paths] : found) {
    report.notes.push_back(cat(paths.size(), " image", dataset::plural(int64_t(paths.size())), " ",
                               paths.size() == 1 ? "is " : "are ", what, ": ",
                               dataset::first_few(paths)));
  }
}

void note_empty(const Split& split, DataReport& report) {
  std::vector<std::string> untrained, untested;
  for (const auto& c : report.classes) {
    if (c.train == 0) untrained.push_back(c.name);
    if (c.test == 0) untested.push_back(c.name);
  }
  if (!untrained.empty()) {
    report.notes.push_back("classes without training image: " + dataset::first_few(untrained));
  }
  if (!untested.empty()) {
    report.notes.push_back("classes without test image: " + dataset::first_few(untested));
  }
  for (const Half half : {Half::kBase, Half::kNew}) {
    try {
      if (select_half(split, half).test.empty()) {
        report.notes.push_back("the " + half_name(half) + " half has no test images");
      }
    } catch (const Error&) {
      report.notes.push_back("the " + half_name(half) + " half has no classes");
    }
  }
}

}  // namespace

DataReport check_split(const Split& split, bool decode, Log& log) {
  DataReport report;
  count_classes(split, report);
  const Listed listed = collect(split);
  const auto total = static_cast<int64_t>(listed.paths.size());
  int64_t done = 0;
  for (const std::string* path : listed.paths) {
    check_file(*path, (fs::path(split.image_root) / *path).string(), decode, report);
    log.progress("images", ++done, total);
  }
  note_names(split, report);
  note_repeats(listed, report);
  note_empty(split, report);
  return report;
}

}  // namespace qprompt
