// Splits that were made here are kept, so that images added to a folder later do not move others
// from the training to the test list.
#include <algorithm>
#include <filesystem>
#include <unordered_map>

#include "base/json.h"
#include "dataset/impl/readers.h"
#include "qprompt/weights.h"

namespace qprompt::dataset {
namespace {

namespace fs = std::filesystem;

using LabelsByPath = std::unordered_map<std::string, int64_t>;

LabelsByPath labels_by_path(const Split& split) {
  LabelsByPath labels;
  for (const auto* items : {&split.train, &split.val, &split.test}) {
    for (const Item& item : *items) labels[item.path] = item.label;
  }
  return labels;
}

/// Items of `a` that `b` does not have with the same label.
std::vector<std::string> only_in(const LabelsByPath& a, const LabelsByPath& b) {
  std::vector<std::string> paths;
  for (const auto& [path, label] : a) {
    const auto found = b.find(path);
    if (found == b.end() || found->second != label) paths.push_back(path);
  }
  std::sort(paths.begin(), paths.end());
  return paths;
}

Split use_kept(const Split& built, const std::string& file, Log& log) {
  Split kept = read_split_json(file);
  const LabelsByPath now = labels_by_path(built), before = labels_by_path(kept);
  const auto lost = only_in(before, now), gained = only_in(now, before);
  const std::string advice =
      cat("Remove '", file, "' to split anew; prompts trained before must then be trained again");
  if (kept.class_names != built.class_names || !lost.empty()) {
    fail(ErrorKind::kContent, "the split kept in '", file, "' no longer fits '", built.folder,
         "': ",
         kept.class_names != built.class_names
             ? "the class names are others"
             : cat(lost.size(), " of its images are gone or have another class: ", first_few(lost)),
         ". ", advice);
  }
  if (!gained.empty()) {
    log.warn(cat("'", built.folder, "' has ", gained.size(), " image",
                 plural(static_cast<int64_t>(gained.size())),
                 " more than when it was split, which are left out: ", first_few(gained), ". ",
                 advice));
  }
  return kept;
}

}  // namespace

std::string split_json(const Split& split) {
  JsonValue out;
  const auto list = [&](const char* key, const std::vector<Item>& items) {
    out[key] = JsonValue::array();
    for (const Item& item : items) {
      JsonValue entry = JsonValue::array();
      entry.push_back(item.path);
      entry.push_back(item.label);
      entry.push_back(split.class_names.at(static_cast<size_t>(item.label)));
      out[key].push_back(std::move(entry));
    }
  };
  list("train", split.train);
  list("val", split.val);
  list("test", split.test);
  return out.text();
}

Split keep_split(Split built, const KnownDataset& set, const std::string& cache, Log& log) {
  if (cache.empty()) return built;
  Digest digest;
  digest.update_text(built.folder);
  const fs::path folder = fs::path(cache) / "splits";
  const std::string file = (folder / cat(set.info.config, "-", digest.hex(), ".json")).string();
  std::error_code ignored;
  if (fs::exists(file, ignored)) return use_kept(built, file, log);
  try {
    make_folder(folder.string());
    write_file_atomic(file, split_json(built));
    log.note("the split is kept in '" + file + "'");
  } catch (const Error& error) {
    log.warn(cat("the split is not kept: ", error.what()));
  }
  return built;
}

}  // namespace qprompt::dataset
