#include "dataset/impl/tables.h"

#include <algorithm>
#include <filesystem>
#include <map>

#include "base/text.h"
#include "dataset/impl/listing.h"
#include "dataset/impl/readers.h"

namespace qprompt::dataset {
namespace {

namespace fs = std::filesystem;

constexpr int64_t kMaxTableBytes = int64_t{1} << 30;

bool is_shard(const std::string& name) { return name.ends_with(".tar"); }

/// metadata.csv or metadata.jsonl of a folder; empty where it has neither.
std::string metadata_of(const fs::path& folder) {
  for (const char* name : {"metadata.csv", "metadata.jsonl"}) {
    std::error_code ignored;
    if (fs::is_regular_file(folder / name, ignored)) return (folder / name).string();
  }
  return "";
}

/// The list that a name stands for; nullptr for none: "train", "train-00012.tar", "val", …
std::vector<Item> Split::*list_of(const std::string& name) {
  std::string word;
  for (const char c : name) {
    if (c >= 'A' && c <= 'Z') {
      word += static_cast<char>(c + 32);
    } else if (c >= 'a' && c <= 'z') {
      word += c;
    } else {
      break;
    }
  }
  if (word == "train" || word == "training") return &Split::train;
  if (word == "val" || word == "valid" || word == "validation" || word == "dev") return &Split::val;
  if (word == "test" || word == "testing") return &Split::test;
  return nullptr;
}

std::vector<TableRow> read_table(const std::string& file) {
  return parse_table(file, read_file(file, kMaxTableBytes));
}

/// Rows of one file, with paths relative to the data set's root and the part that is its own.
void append(std::vector<TableRow>& all, std::vector<TableRow> more, const std::string& below,
            const std::string& part) {
  for (TableRow& row : more) {
    if (!below.empty()) row.path = below + "/" + row.path;
    if (row.part.empty()) row.part = part;
    all.push_back(std::move(row));
  }
}

/// All rows of a file or folder; `root` is set to what their paths are relative to.
std::vector<TableRow> collect_rows(const std::string& path, std::string& root) {
  std::vector<TableRow> rows;
  std::error_code ignored;
  if (!fs::is_directory(path, ignored)) {
    root = fs::path(path).parent_path().string();
    const std::string name = fs::path(path).filename().string();
    append(rows, is_shard(name) ? read_shard(path, name) : read_table(path), "", "");
    return rows;
  }
  root = path;
  if (const std::string metadata = metadata_of(path); !metadata.empty()) {
    append(rows, read_table(metadata), "", "");
    return rows;
  }
  const Listing top = list_folder(path);
  for (const std::string& name : top.files) {
    if (is_shard(name)) append(rows, read_shard((fs::path(path) / name).string(), name), "", name);
  }
  for (const std::string& name : top.folders) {
    const std::string metadata = metadata_of(fs::path(path) / name);
    if (!metadata.empty()) append(rows, read_table(metadata), name, name);
  }
  return rows;
}

/// Labels by sorted names; numbers in the order of numbers.
std::map<std::string, int64_t> number_labels(const std::vector<TableRow>& rows, Split& split) {
  for (const TableRow& row : rows) split.class_names.push_back(row.label);
  const auto is_number = [](const std::string& name) {
    return name.size() < 10 &&
           std::all_of(name.begin(), name.end(), [](char c) { return c >= '0' && c <= '9'; });
  };
  const bool numbers = std::all_of(split.class_names.begin(), split.class_names.end(), is_number);
  std::sort(split.class_names.begin(), split.class_names.end(),
            [&](const std::string& a, const std::string& b) {
              return numbers && a.size() != b.size() ? a.size() < b.size() : a < b;
            });
  split.class_names.erase(std::unique(split.class_names.begin(), split.class_names.end()),
                          split.class_names.end());
  std::map<std::string, int64_t> labels;
  for (const std::string& name : split.class_names) {
    labels.emplace(name, static_cast<int64_t>(labels.size()));
  }
  return labels;
}

/// Puts rows into the lists that they name.
void take_parts(const std::vector<TableRow>& rows, const std::map<std::string, int64_t>& labels,
                Split& split) {
  for (const TableRow& row : rows) {
    const auto list = list_of(row.part);
    if (list == nullptr) {
      fail(ErrorKind::kContent, "'", split.folder, "': the image '", row.path, "' is of the part '",
           row.part, "'; train, val or test was expected");
    }
    (split.*list).push_back({row.path, labels.at(row.label)});
  }
}

/// Splits each class by itself, as a plain folder is.
void split_rows(const std::vector<TableRow>& rows, const std::map<std::string, int64_t>& labels,
                uint64_t seed, Split& split) {
  std::vector<std::vector<std::string>> paths(labels.size());
  for (const TableRow& row : rows) {
    paths[static_cast<size_t>(labels.at(row.label))].push_back(row.path);
  }
  Rng rng(seed);
  for (size_t label = 0; label < paths.size(); ++label) {
    std::sort(paths[label].begin(), paths[label].end());
    split_class(split, paths[label], static_cast<int64_t>(label), rng);
  }
}

}  // namespace

bool is_table(const std::string& path) {
  std::error_code ignored;
  const bool known = path.ends_with(".csv") || path.ends_with(".tsv") || path.ends_with(".jsonl") ||
                     is_shard(path);
  return known && fs::is_regular_file(path, ignored);
}

bool holds_tables(const std::string& folder) {
  if (!metadata_of(folder).empty()) return true;
  const Listing top = list_folder(folder);
  const bool shards = std::any_of(top.files.begin(), top.files.end(), is_shard);
  if (top.folders.empty()) return shards;
  return std::all_of(top.folders.begin(), top.folders.end(), [&](const std::string& name) {
    return list_of(name) != nullptr && !metadata_of(fs::path(folder) / name).empty();
  });
}

Split read_tables(const std::string& path, uint64_t seed, Log& log) {
  Split split;
  split.folder = path;
  split.name = fs::path(path).stem().string();
  const std::vector<TableRow> rows = collect_rows(path, split.image_root);
  if (rows.empty()) fail(ErrorKind::kContent, "'", path, "' lists no images");
  const std::map<std::string, int64_t> labels = number_labels(rows, split);
  const auto said = std::count_if(rows.begin(), rows.end(),
                                  [](const TableRow& row) { return list_of(row.part) != nullptr; });
  if (said > 0) {
    take_parts(rows, labels, split);
  } else {
    split_rows(rows, labels, seed, split);
    log.note(cat("'", path,
                 "' does not say its parts: the images of each class are split 50/20/30 ",
                 "% into training, validation and test with seed ", seed, " (", split.train.size(),
                 ", ", split.val.size(), " and ", split.test.size(), " images)"));
  }
  return split;
}

}  // namespace qprompt::dataset
