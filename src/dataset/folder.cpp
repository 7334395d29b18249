#include <algorithm>
#include <filesystem>

#include "dataset/listing.h"
#include "dataset/readers.h"

namespace qprompt::dataset {
namespace {

namespace fs = std::filesystem;

/// train/, val/ or test/ of a given split: class names that train/ lacks are an error, since the
/// images could have no label; classes that only train/ has are said.
std::vector<Item> read_part(const Split& split, const std::string& part, Ignored& ignored,
                            Log& log) {
  std::vector<Item> items;
  const fs::path folder = fs::path(split.image_root) / part;
  std::error_code no_folder;
  if (!fs::is_directory(folder, no_folder)) return items;
  const std::vector<std::string> present = list_folder(folder).folders;
  for (const std::string& name : present) {
    const bool known = std::binary_search(split.class_names.begin(), split.class_names.end(), name);
    if (!known) {
      fail(ErrorKind::kContent, "'", (folder / name).string(), "' is a class that '",
           (fs::path(split.image_root) / "train").string(), "' does not have");
    }
  }
  std::vector<std::string> absent;
  for (size_t label = 0; label < split.class_names.size(); ++label) {
    const std::string& name = split.class_names[label];
    const bool has_folder = std::binary_search(present.begin(), present.end(), name);
    const auto images =
        has_folder ? list_images(folder / name, ignored) : std::vector<std::string>{};
    if (images.empty() && part == "train") fail_empty(folder / name);
    if (images.empty()) absent.push_back(name);
    for (const auto& image : images) {
      items.push_back({part + "/" + name + "/" + image, static_cast<int64_t>(label)});
    }
  }
  if (!absent.empty()) {
    log.warn(cat("'", folder.string(), "' has no images of ", absent.size(), " class",
                 absent.size() == 1 ? "" : "es", " that train/ has: ", first_few(absent)));
  }
  return items;
}

Split read_given_parts(Split split, const Listing& top, Ignored& ignored, Log& log) {
  std::vector<std::string> others;
  for (const std::string& name : top.folders) {
    if (name != "train" && name != "val" && name != "test") others.push_back(name);
  }
  if (!others.empty()) {
    log.warn(cat("'", split.image_root, "': beside train/, val/ and test/, these folders are left ",
                 "out: ", first_few(others)));
  }
  split.class_names = list_folder(fs::path(split.image_root) / "train").folders;
  split.train = read_part(split, "train", ignored, log);
  split.val = read_part(split, "val", ignored, log);
  split.test = read_part(split, "test", ignored, log);
  if (split.test.empty()) {
    log.warn(cat("'", split.image_root, "' has no images in test/: a prompt can be trained, but ",
                 "there is nothing to measure its accuracy on"));
  }
  return split;
}

/// As CoOp splits a set that comes without a split (`read_and_split_data`), but from sorted names.
Split split_classes(Split split, const Listing& top, Ignored& ignored, uint64_t seed, Log& log) {
  Rng rng(seed);
  std::vector<std::string> untested;
  for (const std::string& name : top.folders) {
    const fs::path folder = fs::path(split.image_root) / name;
    const std::vector<std::string> images = list_images(folder, ignored);
    if (images.empty()) fail_empty(folder);
    if (images.size() == 1) {
      fail(ErrorKind::kContent, "the class folder '", folder.string(),
           "' has a single image; to be ",
           "split into training and test images it needs at least 4");
    }
    std::vector<std::string> paths;
    for (const std::string& image : images) paths.push_back(name + "/" + image);
    const size_t tested = split.test.size();
    split_class(split, paths, static_cast<int64_t>(split.class_names.size()), rng);
    if (split.test.size() == tested) untested.push_back(name);
    split.class_names.push_back(name);
  }
  log.note(
      cat("'", split.image_root, "' has no train/, val/ and test/ folders: the images of each ",
          "class are split 50/20/30 % into training, validation and test with seed ", seed, " (",
          split.train.size(), ", ", split.val.size(), " and ", split.test.size(), " images)"));
  if (!untested.empty()) {
    log.warn(cat("classes too small to have a test image: ", first_few(untested)));
  }
  return split;
}

/// A folder of that name which itself has sub-folders; a class may be called "train".
bool has_part(const fs::path& root, const Listing& top, const std::string& part) {
  return std::binary_search(top.folders.begin(), top.folders.end(), part) &&
         !list_folder(root / part).folders.empty();
}

/// A folder that CoOp's layout describes, but that was not named as such, would be misread.
void refuse_coop_layout(const std::string& root, const Listing& top) {
  for (const KnownDataset& set : catalogue()) {
    if (set.split_file.empty()) continue;
    if (!std::binary_search(top.files.begin(), top.files.end(), set.split_file)) continue;
    fail(ErrorKind::kUsage, "'", root, "' has ", set.split_file, ": name the data set, --dataset ",
         set.info.config, ", to use that split");
  }
}

}  // namespace

Split read_folder(const std::string& root, uint64_t seed, Log& log) {
  const Listing top = list_folder(root);
  refuse_coop_layout(root, top);
  if (top.folders.empty()) {
    fail(ErrorKind::kContent, "'", root, "' has no sub-folders; one a class was expected, or ",
         "train/, val/ and test/ with one a class");
  }
  Split split;
  split.image_root = split.folder = root;
  split.name = fs::path(root).filename().string();
  Ignored ignored;
  ignored.hidden = top.hidden;
  ignored.other_files = static_cast<int64_t>(top.files.size());
  if (has_part(root, top, "train")) {
    split = read_given_parts(std::move(split), top, ignored, log);
  } else if (has_part(root, top, "test") || has_part(root, top, "val")) {
    fail(ErrorKind::kContent, "'", root, "' has test/ or val/, but no train/ with class folders");
  } else {
    split = split_classes(std::move(split), top, ignored, seed, log);
  }
  report_ignored(ignored, root, log);
  return split;
}

}  // namespace qprompt::dataset
