#include <filesystem>
#include <unordered_map>

#include "base/text.h"
#include "dataset/impl/readers.h"
#include "dataset/impl/tables.h"
#include "qprompt/image.h"

namespace qprompt {
namespace dataset {

std::string first_few(const std::vector<std::string>& names) {
  constexpr size_t kShown = 5;
  std::string out;
  for (size_t i = 0; i < std::min(names.size(), kShown); ++i) {
    out += (i == 0 ? "'" : ", '") + names[i] + "'";
  }
  if (names.size() > kShown) out += cat(" and ", names.size() - kShown, " more");
  return out;
}

const char* plural(int64_t count) { return count == 1 ? "" : "s"; }

namespace fs = std::filesystem;

void check_classes(const Split& split, const std::string& where, Log& log) {
  const std::vector<Item>& items = split.test_only ? split.test : split.train;
  const char* kind = split.test_only ? "test" : "training";
  if (items.empty()) fail(ErrorKind::kContent, where, " lists no ", kind, " images");
  if (split.class_names.size() < 2) {
    fail(ErrorKind::kContent, where, " has one class only, '", split.class_names.front(),
         "'; at least two are needed to tell apart");
  }
  std::vector<int64_t> counts(split.class_names.size());
  for (const Item& item : items) ++counts[static_cast<size_t>(item.label)];
  std::unordered_map<std::string, size_t> first_label;
  for (size_t label = 0; label < split.class_names.size(); ++label) {
    const std::string& name = split.class_names[label];
    if (counts[label] == 0) {
      fail(ErrorKind::kContent, where, ": class '", name, "' (label ", label, ") has no ", kind,
           " image");
    }
    const auto [known, is_new] = first_label.emplace(name, label);
    if (!is_new) {
      log.warn(cat("classes ", known->second, " and ", label, " are both named '", name,
                   "'; a prompt cannot tell them apart"));
    }
  }
}

namespace {

bool is_there(const Split& split, const Item& item) {
  return image_file_state((fs::path(split.image_root) / item.path).string()).has_value();
}

void check_images(const Split& split) {
  std::vector<std::string> missing;
  int64_t total = 0;
  for (const auto* items : {&split.train, &split.val, &split.test}) {
    for (const Item& item : *items) {
      ++total;
      if (!is_there(split, item)) missing.push_back(item.path);
    }
  }
  if (missing.empty()) return;
  fail(ErrorKind::kPath, missing.size(), " of the ", total, " images of ", split.name,
       " are missing below '", split.image_root, "': ", first_few(missing),
       ". Put them there, or name the folder that has them; --partial goes on with those that are "
       "there; `data check` lists all that is missing");
}

/// Drops the items whose files are not there, and says how many of each list.
void keep_present(Split& split, Log& log) {
  std::string counts;
  size_t dropped = 0;
  const auto keep = [&](std::vector<Item>& items, const char* what) {
    const size_t listed = items.size();
    std::erase_if(items, [&](const Item& item) { return !is_there(split, item); });
    if (listed == 0) return;
    counts += cat(counts.empty() ? "" : ", ", items.size(), " of ", listed, " ", what);
    dropped += listed - items.size();
  };
  keep(split.train, "training");
  keep(split.val, "validation");
  keep(split.test, "test");
  if (dropped == 0) return;
  split.published_split = false;
  log.warn(cat("only a part of ", split.name, " is there: ", counts,
               " images; results are not those of the whole set"));
  if (split.test.empty() && split.train.empty()) {
    fail(ErrorKind::kPath, "none of the images of ", split.name, " is below '", split.image_root,
         "'");
  }
}

}  // namespace
}  // namespace dataset

Split load_split(const DataOptions& options, Log& log) {
  namespace fs = std::filesystem;
  std::error_code error;
  const fs::path given = fs::absolute(options.root, error).lexically_normal();
  // A slash at the end would make the folder's own name empty.
  const std::string root = (given.has_filename() ? given : given.parent_path()).string();
  const bool table = options.dataset.empty() && dataset::is_table(root);
  if (options.root.empty() || !(table || fs::is_directory(root, error))) {
    fail(ErrorKind::kPath, "the data folder '", options.root, "' does not exist or is no folder");
  }
  Split split;
  if (options.dataset.empty()) {
    split = table || dataset::holds_tables(root) ? dataset::read_tables(root, options.seed, log)
                                                 : dataset::read_folder(root, options.seed, log);
  } else {
    const auto* set = dataset::find_known(options.dataset);
    if (set == nullptr) {
      std::string names;
      for (const auto& info : known_datasets()) {
        names += (names.empty() ? "" : ", ") + info.config;
      }
      fail(ErrorKind::kUsage, "the data set '", options.dataset, "' is unknown; known are ", names,
           ". For a folder with a sub-folder a class, name no data set");
    }
    DataOptions at_root = options;
    at_root.root = root;
    split = dataset::read_coop(at_root, *set, log);
  }
  split.name = valid_utf8(split.name);  // a folder's own name may be anything
  dataset::check_classes(split, cat("'", root, "'"), log);
  // What was listed from class folders is there; asking for each of ImageNet's files takes minutes.
  const bool listed = split.published_split && dataset::find_known(options.dataset)->listed();
  if (options.partial) dataset::keep_present(split, log);
  if (options.check_images && !options.partial && !listed) dataset::check_images(split);
  return split;
}

}  // namespace qprompt
