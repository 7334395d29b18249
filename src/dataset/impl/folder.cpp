// A user's own folder: one sub-folder a class, or the parts of a split with those below.
#include <algorithm>
#include <array>
#include <filesystem>
#include <map>

#include "base/text.h"
#include "dataset/impl/listing.h"
#include "dataset/impl/readers.h"

namespace qprompt::dataset {
namespace {

namespace fs = std::filesystem;

/// The folders of a given split, as they are called on disk; empty where there is none.
struct Parts {
  std::string train, val, test;
};

std::string lower_case(std::string name) {
  for (char& c : name) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
  return name;
}

/// The part that a folder's name stands for; nullptr for none.
std::string Parts::*part_of(const std::string& folder) {
  static const std::map<std::string, std::string Parts::*> kNames{
      {"train", &Parts::train}, {"training", &Parts::train}, {"val", &Parts::val},
      {"valid", &Parts::val},   {"validation", &Parts::val}, {"dev", &Parts::val},
      {"test", &Parts::test},   {"testing", &Parts::test}};
  const auto found = kNames.find(lower_case(folder));
  return found == kNames.end() ? nullptr : found->second;
}

/// A folder of such a name is a part only when it has sub-folders; a class may be called "train".
Parts find_parts(const fs::path& root, const Listing& top) {
  Parts parts;
  for (const std::string& name : top.folders) {
    const auto part = part_of(name);
    if (part == nullptr || list_folder(root / name).folders.empty()) continue;
    if (!(parts.*part).empty()) {
      fail(ErrorKind::kContent, "'", root.string(), "' has both ", parts.*part, "/ and ", name,
           "/, which mean the same part of a split; leave one of them there");
    }
    parts.*part = name;
  }
  return parts;
}

/// A part of a given split: class names that the training part lacks are an error, since the images
/// could have no label; classes that only the training part has are said.
struct PartReader {
  const Split& split;
  const std::string& train;
  LeftOut& left_out;
  Log& log;

  std::vector<Item> read(const std::string& part) const {
    std::vector<Item> items;
    if (part.empty()) return items;
    const fs::path folder = fs::path(split.image_root) / part;
    const std::vector<std::string> present = list_folder(folder).folders;
    for (const std::string& name : present) {
      if (std::binary_search(split.class_names.begin(), split.class_names.end(), name)) continue;
      fail(ErrorKind::kContent, "'", (folder / name).string(), "' is a class that '",
           (fs::path(split.image_root) / train).string(), "' does not have");
    }
    std::vector<std::string> absent;
    for (size_t label = 0; label < split.class_names.size(); ++label) {
      const std::string& name = split.class_names[label];
      const bool has_folder = std::binary_search(present.begin(), present.end(), name);
      const auto images =
          has_folder ? list_images(folder / name, left_out) : std::vector<std::string>{};
      if (images.empty() && part == train) fail_empty(folder / name);
      if (images.empty()) absent.push_back(name);
      for (const auto& image : images) {
        items.push_back({part + "/" + name + "/" + image, static_cast<int64_t>(label)});
      }
    }
    if (!absent.empty()) {
      log.warn(cat("'", folder.string(), "' has no images of ", absent.size(), " class",
                   absent.size() == 1 ? "" : "es", " that ", train, "/ has: ", first_few(absent)));
    }
    return items;
  }
};

Split read_given_parts(Split split, const Listing& top, const Parts& parts, LeftOut& left_out,
                       Log& log) {
  std::vector<std::string> others;
  for (const std::string& name : top.folders) {
    if (name != parts.train && name != parts.val && name != parts.test) others.push_back(name);
  }
  if (!others.empty()) {
    log.warn(cat("'", split.image_root, "': beside the training, validation and test folders, ",
                 "these are left out: ", first_few(others)));
  }
  split.class_names = list_folder(fs::path(split.image_root) / parts.train).folders;
  const PartReader reader{split, parts.train, left_out, log};
  std::vector<Item> train = reader.read(parts.train), val = reader.read(parts.val),
                    test = reader.read(parts.test);
  split.train = std::move(train);
  split.val = std::move(val);
  split.test = std::move(test);
  if (split.test.empty()) {
    log.warn(cat("'", split.image_root, "' has no images in test/: a prompt can be trained, but ",
                 "there is nothing to measure its accuracy on"));
  }
  return split;
}

/// As CoOp splits a set that comes without a split (`read_and_split_data`), but from sorted names.
Split split_classes(Split split, const Listing& top, LeftOut& left_out, uint64_t seed, Log& log) {
  Rng rng(seed);
  std::vector<std::string> untested;
  for (const std::string& name : top.folders) {
    const fs::path folder = fs::path(split.image_root) / name;
    const std::vector<std::string> images = list_images(folder, left_out);
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

/// A folder that CoOp's layout describes, but that was not named as such, would be misread.
void refuse_coop_layout(const std::string& root, const Listing& top) {
  for (const KnownDataset& set : catalogue()) {
    if (set.split_file.empty()) continue;
    if (!std::binary_search(top.files.begin(), top.files.end(), set.split_file)) continue;
    fail(ErrorKind::kUsage, "'", root, "' has ", set.split_file, ": name the data set, --dataset ",
         set.info.config, ", to use that split");
  }
}

bool holds_images(const fs::path& folder) {
  LeftOut ignored;
  return !list_images(folder, ignored).empty();
}

/// The folder below `root` that holds the classes in its place: the only one there, or the one that
/// is called images/ while no other has any. Empty where there is none.
std::string find_inner_folder(const fs::path& root, const Listing& top) {
  std::vector<std::string> candidates;
  for (const std::string& name : top.folders) {
    const Listing inner = list_folder(root / name);
    if (inner.folders.empty()) continue;
    const std::string word = lower_case(name);
    const bool called_so = word == "images" || word == "image" || word == "imgs" || word == "img";
    if (top.folders.size() == 1 || (called_so && inner.folders.size() > 1)) {
      candidates.push_back(name);
    }
  }
  if (candidates.size() != 1) return "";
  const bool only = std::none_of(top.folders.begin(), top.folders.end(),
                                 [&](const auto& name) { return holds_images(root / name); });
  return only ? candidates.front() : "";
}

/// Names go into messages, prompts and records, all of which are UTF-8.
void check_names(const fs::path& root, const std::vector<std::string>& names) {
  for (const std::string& name : names) {
    if (is_valid_utf8(name)) continue;
    fail(ErrorKind::kContent, "the class folder '", printable((root / name).string()),
         "' has a name that is not UTF-8; rename it (convmv -f latin1 -t utf8, for example)");
  }
}

}  // namespace

Split read_folder(const std::string& root, uint64_t seed, Log& log) {
  constexpr int kDeepest = 8;
  fs::path at = root;
  Listing top = list_folder(at);
  refuse_coop_layout(root, top);
  if (top.folders.empty()) {
    fail(ErrorKind::kContent, "'", root, "' has no sub-folders; one a class was expected, or ",
         "train/, val/ and test/ with one a class");
  }
  LeftOut left_out;
  const auto count = [&] {
    left_out.hidden += top.hidden;
    left_out.system += top.system;
    left_out.other += static_cast<int64_t>(top.files.size());
  };
  count();
  Parts parts = find_parts(at, top);
  const auto no_part = [&] {
    return parts.train.empty() && parts.val.empty() && parts.test.empty();
  };
  for (int depth = 0; no_part() && depth < kDeepest; ++depth) {
    const std::string inner = find_inner_folder(at, top);
    if (inner.empty()) break;
    at /= inner;
    log.note(cat("the classes are taken from '", at.string(), "'"));
    top = list_folder(at);
    count();
    parts = find_parts(at, top);
  }
  Split split;
  split.image_root = at.string();
  split.folder = root;
  split.name = fs::path(root).filename().string();
  check_names(at, top.folders);
  if (!parts.train.empty()) {
    check_names(at / parts.train, list_folder(at / parts.train).folders);
    split = read_given_parts(std::move(split), top, parts, left_out, log);
  } else if (!parts.test.empty() || !parts.val.empty()) {
    fail(ErrorKind::kContent, "'", at.string(),
         "' has test/ or val/, but no train/ with class folders");
  } else {
    split = split_classes(std::move(split), top, left_out, seed, log);
  }
  report_left_out(left_out, at.string(), log);
  return split;
}

}  // namespace qprompt::dataset
