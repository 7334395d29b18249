// Sets that are a folder a class, split 50/20/30 %: Caltech101, Food101, DTD, EuroSAT.
#include <filesystem>
#include <map>

#include "dataset/impl/listing.h"
#include "dataset/impl/readers.h"

namespace qprompt::dataset {
namespace {

/// Folders that CoOp leaves out, and names that it gives classes in place of their folders'.
struct FolderRules {
  std::vector<std::string> left_out;
  std::map<std::string, std::string> names;
};

FolderRules rules_of(const KnownDataset& set) {
  if (set.info.config == "caltech101") {
    return {{"BACKGROUND_Google", "Faces_easy"},
            {{"airplanes", "airplane"},
             {"Faces", "face"},
             {"Leopards", "leopard"},
             {"Motorbikes", "motorbike"}}};
  }
  if (set.info.config == "eurosat") {
    return {{},
            {{"AnnualCrop", "Annual Crop Land"},
             {"HerbaceousVegetation", "Herbaceous Vegetation Land"},
             {"Highway", "Highway or Road"},
             {"Industrial", "Industrial Buildings"},
             {"Pasture", "Pasture Land"},
             {"PermanentCrop", "Permanent Crop Land"},
             {"Residential", "Residential Buildings"},
             {"SeaLake", "Sea or Lake"}}};
  }
  return {};
}

}  // namespace

Split build_folders(const Place& place, const KnownDataset& set, Rng& rng, Log& log) {
  const std::filesystem::path root = place.image_root;
  const FolderRules rules = rules_of(set);
  Split split;
  LeftOut left_out;
  for (const std::string& name : list_folder(root).folders) {
    if (std::find(rules.left_out.begin(), rules.left_out.end(), name) != rules.left_out.end()) {
      continue;
    }
    std::vector<std::string> paths;
    for (const auto& image : list_images(root / name, left_out))
      paths.push_back(name + "/" + image);
    if (paths.size() < 4) {
      fail(ErrorKind::kContent, "the class folder '", (root / name).string(), "' has ",
           paths.size(), " image", plural(static_cast<int64_t>(paths.size())),
           "; to be split into training and test images it needs at least 4");
    }
    split_class(split, paths, static_cast<int64_t>(split.class_names.size()), rng);
    const auto renamed = rules.names.find(name);
    split.class_names.push_back(renamed == rules.names.end() ? name : renamed->second);
  }
  if (split.class_names.empty()) {
    fail(ErrorKind::kContent, "'", place.image_root, "' has no class folders");
  }
  report_left_out(left_out, place.image_root, log);
  return split;
}

}  // namespace qprompt::dataset
