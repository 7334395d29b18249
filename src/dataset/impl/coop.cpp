// CoOp's layout: where a set lies below $DATA, and which of its files give the split.
#include <filesystem>

#include "dataset/impl/readers.h"

namespace qprompt::dataset {
namespace {

namespace fs = std::filesystem;

constexpr uint64_t kSeed = 1;  ///< of splits made here, whatever a run's own seed: all must agree

/// Files or folders, one of which shows that a set lies here.
std::vector<std::string> marks_of(const KnownDataset& set) {
  const std::string& images = set.info.images;
  switch (set.layout) {
    case Layout::kPets:
      return {"annotations/trainval.txt"};
    case Layout::kCars:
      return {"devkit/cars_train_annos.mat"};
    case Layout::kFlowers:
      return {"imagelabels.mat"};
    case Layout::kSun:
      return {"ClassName.txt"};
    case Layout::kUcf:
      return {"ucfTrainTestlist/classInd.txt"};
    case Layout::kAircraft:
      return {"variants.txt"};
    case Layout::kImageNet:
      return {images + "/train", images + "/val"};
    default:
      return {images};
  }
}

/// The first of $DATA/folder and $DATA itself that has one of `marks`; empty when none has.
fs::path find_folder(const std::string& root, const std::string& folder,
                     const std::vector<std::string>& marks) {
  std::error_code ignored;
  for (const fs::path& candidate : {fs::path(root) / folder, fs::path(root)}) {
    for (const std::string& mark : marks) {
      if (fs::exists(candidate / mark, ignored)) return candidate;
    }
  }
  return {};
}

[[noreturn]] void fail_absent(const std::string& root, const KnownDataset& set) {
  std::string wanted;
  if (!set.split_file.empty()) wanted = "the split file " + set.split_file + " or ";
  const auto marks = marks_of(set);
  for (size_t i = 0; i < marks.size(); ++i) wanted += (i > 0 ? " or " : "") + marks[i];
  fail(ErrorKind::kPath, set.info.name, ": ", wanted, " was found neither in '",
       (fs::path(root) / set.info.folder).string(), "' nor in '", root,
       "'. CoOp's DATASETS.md says where to get its files",
       set.split_file.empty() ? ""
                              : "; only with the split file are few-shot draws and test images "
                                "those of the papers");
}

Split build_and_keep(const Place& place, const KnownDataset& set, const std::string& cache,
                     Log& log) {
  Split built = build_split(place, set, kSeed, log);
  Log silent;  // load_split will say again what is worth saying
  check_classes(built, "'" + place.folder + "'", silent);
  return keep_split(std::move(built), set, cache, log);
}

Split read_layout(const Place& place, const KnownDataset& set, const DataOptions& options,
                  Log& log) {
  switch (set.layout) {
    case Layout::kAircraft:
      return read_aircraft(place);
    case Layout::kImageNet:
    case Layout::kNumbers:
    case Layout::kIds:
    case Layout::kIdsPresent:
      return read_imagenet(place, set, log);
    default:
      log.warn(cat("'", place.folder, "' lacks ", set.split_file,
                   ": its images are split here, from sorted names with seed ", kSeed,
                   ", and not as in the papers; published numbers need the published file "
                   "(CoOp's DATASETS.md says where it is)"));
      return build_and_keep(place, set, options.cache, log);
  }
}

}  // namespace

Split build_split(const Place& place, const KnownDataset& set, uint64_t seed, Log& log) {
  Rng rng(seed);
  Split split;
  switch (set.layout) {
    case Layout::kPets:
      split = build_pets(place, rng);
      break;
    case Layout::kCars:
      split = build_cars(place, rng);
      break;
    case Layout::kFlowers:
      split = build_flowers(place, rng);
      break;
    case Layout::kSun:
      split = build_sun(place, rng);
      break;
    case Layout::kUcf:
      split = build_ucf(place, rng);
      break;
    default:
      split = build_folders(place, set, rng, log);
  }
  split.folder = place.folder;
  return split;
}

Split read_coop(const DataOptions& options, const KnownDataset& set, Log& log) {
  const std::string& root = options.root;
  fs::path folder;
  if (!set.split_file.empty()) folder = find_folder(root, set.info.folder, {set.split_file});
  const bool published = !folder.empty();
  if (!published) folder = find_folder(root, set.info.folder, marks_of(set));
  if (folder.empty()) fail_absent(root, set);
  const Place place{folder.string(),
                    (set.info.images.empty() ? folder : folder / set.info.images).string()};
  Split split;
  if (published) {
    split = read_split_json((folder / set.split_file).string());
    split.published_split = true;
  } else {
    split = read_layout(place, set, options, log);
  }
  split.name = set.info.name;
  split.folder = place.folder;
  split.image_root = place.image_root;
  return split;
}

}  // namespace qprompt::dataset
