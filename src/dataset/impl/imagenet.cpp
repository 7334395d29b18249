// ImageNet and its variants: folders named by id, class names from classnames.txt.
#include <algorithm>
#include <filesystem>
#include <unordered_map>

#include "dataset/impl/annotations.h"
#include "dataset/impl/listing.h"
#include "dataset/impl/readers.h"

namespace qprompt::dataset {
namespace {

namespace fs = std::filesystem;

/// classnames.txt: ids in ascending order, and the names beside them.
struct IdNames {
  std::string file;
  std::vector<std::string> ids, names;  // C each
};

IdNames parse_names(const std::string& path) {
  IdNames out;
  out.file = path;
  for (LineFile file(path); file.next();) {
    const auto words = file.words(2, "'id class name' (n01440764 tench)");
    if (!out.ids.empty() && words[0] <= out.ids.back()) {
      file.refuse("the id ", words[0], " comes after ", out.ids.back(),
                  "; labels are the order of the ids, so CoOp's file has them ascending: get it, ",
                  "or sort its lines");
    }
    file.checked_path(words[0]);
    out.ids.push_back(words[0]);
    out.names.push_back(join_words(words, 1));
  }
  if (out.ids.empty()) fail(ErrorKind::kContent, "'", path, "' names no class");
  return out;
}

/// The set's own classnames.txt, or ImageNet's beside it. Two that differ give other accuracies.
IdNames read_names(const Place& place, Log& log) {
  const fs::path own = fs::path(place.folder) / "classnames.txt";
  const fs::path imagenets = fs::path(place.folder).parent_path() / "imagenet/classnames.txt";
  std::error_code ignored;
  const bool has_own = fs::is_regular_file(own, ignored);
  const bool has_other = imagenets != own && fs::is_regular_file(imagenets, ignored);
  if (!has_own && !has_other) {
    fail(ErrorKind::kPath, "class names were found neither in '", own.string(), "' nor in '",
         imagenets.string(), "': CoOp's classnames.txt, lines as 'n01440764 tench', was expected");
  }
  IdNames names = parse_names((has_own ? own : imagenets).string());
  if (has_own && has_other) {
    const IdNames other = parse_names(imagenets.string());
    if (other.ids != names.ids || other.names != names.names) {
      log.warn(cat("'", own.string(), "' and '", imagenets.string(),
                   "' differ: accuracies depend on the class names; the former is used"));
    }
  }
  return names;
}

/// Folders that should be there and are not, and the reverse.
void check_folders(const fs::path& root, const std::vector<std::string>& present,
                   const std::vector<std::string>& expected, const std::string& source) {
  std::vector<std::string> sorted = expected, missing, surplus;
  std::sort(sorted.begin(), sorted.end());
  std::set_difference(sorted.begin(), sorted.end(), present.begin(), present.end(),
                      std::back_inserter(missing));
  std::set_difference(present.begin(), present.end(), sorted.begin(), sorted.end(),
                      std::back_inserter(surplus));
  if (missing.empty() && surplus.empty()) return;
  std::string text;
  if (!missing.empty()) {
    text += cat("\n  missing: ", missing.size(), " of ", expected.size(), ": ", first_few(missing));
  }
  if (!surplus.empty()) text += cat("\n  surplus: ", surplus.size(), ": ", first_few(surplus));
  fail(ErrorKind::kContent, "the class folders in '", root.string(), "' are not those of ", source,
       ", and labels would shift:", text,
       "\nUnpack the missing ones, move surplus ones away; for a part of the classes, list only ",
       "these in classnames.txt");
}

/// The images of class folders below `root`, folder i having label i, paths with `prefix`.
std::vector<Item> list_classes(const fs::path& root, const std::vector<std::string>& folders,
                               const std::string& prefix, Log& log) {
  std::vector<Item> items;
  LeftOut left_out;
  int64_t label = 0;
  for (const std::string& folder : folders) {
    const std::vector<std::string> images = list_images(root / folder, left_out);
    if (images.empty()) fail_empty(root / folder);
    for (const auto& image : images) items.push_back({prefix + folder + "/" + image, label});
    log.progress("classes", ++label, static_cast<int64_t>(folders.size()));
  }
  if (static_cast<int64_t>(items.size()) > kMaxItems) {
    fail(ErrorKind::kContent, "'", root.string(), "' has ", items.size(), " images; at most ",
         kMaxItems, " are read");
  }
  report_left_out(left_out, root.string(), log);
  return items;
}

/// images/train or images/val; empty when there is no such folder.
std::vector<Item> read_list(const fs::path& images, const char* list, const IdNames& names,
                            Log& log) {
  const fs::path root = images / list;
  std::error_code ignored;
  if (!fs::is_directory(root, ignored)) return {};
  const Listing listing = list_folder(root);
  if (listing.folders.empty() && !listing.files.empty()) {
    fail(ErrorKind::kContent, "'", root.string(), "' is flat: it has ", listing.files.size(),
         " files and no class folders, as ImageNet ships its validation images. Sort them into ",
         "folders named by id (n01440764/…), for example with the script valprep.sh that CoOp's ",
         "DATASETS.md names; each image would have no label otherwise");
  }
  check_folders(root, listing.folders, names.ids, "'" + names.file + "'");
  return list_classes(root, names.ids, cat(list, "/"), log);
}

Split read_train_and_val(const Place& place, const IdNames& names, Log& log) {
  Split split;
  split.class_names = names.names;
  split.train = read_list(place.image_root, "train", names, log);
  split.test = read_list(place.image_root, "val", names, log);
  if (split.train.empty() && split.test.empty()) {
    fail(ErrorKind::kPath, "'", place.image_root, "' has neither train/ nor val/ with images");
  }
  split.test_only = split.train.empty();
  if (split.test_only) {
    log.warn(cat("'", place.image_root, "' has no train/: its images can be scored, not learned"));
  } else if (split.test.empty()) {
    log.warn(cat("'", place.image_root, "' has no val/: a prompt can be trained, but there is ",
                 "nothing to measure its accuracy on"));
  }
  return split;
}

/// ImageNet-A and -R: labels count the ids that are present.
Split read_present(const fs::path& root, const IdNames& names, Log& log) {
  std::unordered_map<std::string, std::string> name_of;
  for (size_t i = 0; i < names.ids.size(); ++i) name_of[names.ids[i]] = names.names[i];
  const std::vector<std::string> present = list_folder(root).folders;
  std::vector<std::string> surplus;
  Split split;
  for (const std::string& id : present) {
    const auto found = name_of.find(id);
    if (found == name_of.end()) surplus.push_back(id);
    if (found != name_of.end()) split.class_names.push_back(found->second);
  }
  if (!surplus.empty()) {
    fail(ErrorKind::kContent, "'", root.string(), "' has folders whose ids are not in '",
         names.file, "': ", first_few(surplus));
  }
  if (present.empty()) {
    fail(ErrorKind::kContent, "'", root.string(), "' has no class folders (n01443537/…)");
  }
  split.test = list_classes(root, present, "", log);
  return split;
}

}  // namespace

Split read_imagenet(const Place& place, const KnownDataset& set, Log& log) {
  const IdNames names = read_names(place, log);
  const fs::path root = place.image_root;
  Split split;
  split.test_only = true;
  if (set.layout == Layout::kImageNet) {
    split = read_train_and_val(place, names, log);
  } else if (set.layout == Layout::kIdsPresent) {
    split = read_present(root, names, log);
  } else {
    std::vector<std::string> folders = names.ids;
    if (set.layout == Layout::kNumbers) {
      for (size_t label = 0; label < folders.size(); ++label) folders[label] = cat(label);
    }
    check_folders(root, list_folder(root).folders, folders, "'" + names.file + "'");
    split.class_names = names.names;
    split.test = list_classes(root, folders, "", log);
  }
  split.test_only = split.train.empty();
  split.published_split = true;
  return split;
}

}  // namespace qprompt::dataset
