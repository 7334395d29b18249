#include "dataset/impl/catalogue.h"

#include "qprompt/dataset.h"

namespace qprompt {
namespace dataset {
namespace {

constexpr const char* kPhoto = "a photo of a {}.";

/// Lower case without separators: "OxfordPets", "oxford_pets" and "oxford-pets" are one name.
std::string plain_name(std::string_view name) {
  std::string out;
  for (const char c : name) {
    if (c == '_' || c == '-') continue;
    out.push_back(c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c);
  }
  return out;
}

// Counts in both tables: classes, train, val, test, and the test images of the base and new half.

std::vector<KnownDataset> training_sets() {
  return {
      {{"imagenet", "ImageNet", "imagenet", "images", kPhoto, 1'000, 1'281'167, 0, 50'000, 25'000,
        25'000},
       Layout::kImageNet,
       ""},
      {{"caltech101", "Caltech101", "caltech-101", "101_ObjectCategories", kPhoto, 100, 4'128,
        1'649, 2'465, 1'549, 916},
       Layout::kFolders,
       "split_zhou_Caltech101.json"},
      {{"oxford_pets", "OxfordPets", "oxford_pets", "images", "a photo of a {}, a type of pet.", 37,
        2'944, 736, 3'669, 1'881, 1'788},
       Layout::kPets,
       "split_zhou_OxfordPets.json"},
      {{"stanford_cars", "StanfordCars", "stanford_cars", "", kPhoto, 196, 6'509, 1'635, 8'041,
        4'002, 4'039},
       Layout::kCars,
       "split_zhou_StanfordCars.json"},
      {{"oxford_flowers", "OxfordFlowers", "oxford_flowers", "jpg",
        "a photo of a {}, a type of flower.", 102, 4'093, 1'633, 2'463, 1'053, 1'410},
       Layout::kFlowers,
       "split_zhou_OxfordFlowers.json"},
      {{"food101", "Food101", "food-101", "images", "a photo of {}, a type of food.", 101, 50'500,
        20'200, 30'300, 15'300, 15'000},
       Layout::kFolders,
       "split_zhou_Food101.json"},
      {{"fgvc_aircraft", "FGVCAircraft", "fgvc_aircraft", "images",
        "a photo of a {}, a type of aircraft.", 100, 3'334, 3'333, 3'333, 1'666, 1'667},
       Layout::kAircraft,
       ""},
      {{"sun397", "SUN397", "sun397", "SUN397", kPhoto, 397, 15'880, 3'970, 19'850, 9'950, 9'900},
       Layout::kSun,
       "split_zhou_SUN397.json"},
      {{"dtd", "DescribableTextures", "dtd", "images", "{} texture.", 47, 2'820, 1'128, 1'692, 864,
        828},
       Layout::kFolders,
       "split_zhou_DescribableTextures.json"},
      {{"eurosat", "EuroSAT", "eurosat", "2750", "a centered satellite photo of {}.", 10, 13'500,
        5'400, 8'100, 4'200, 3'900},
       Layout::kFolders,
       "split_zhou_EuroSAT.json"},
      {{"ucf101", "UCF101", "ucf101", "UCF-101-midframes", "a photo of a person doing {}.", 101,
        7'639, 1'898, 3'783, 1'934, 1'849},
       Layout::kUcf,
       "split_zhou_UCF101.json"},
  };
}

std::vector<KnownDataset> variants() {
  return {
      {{"imagenetv2", "ImageNetV2", "imagenetv2", "imagenetv2-matched-frequency-format-val", kPhoto,
        1'000, 0, 0, 10'000, 0, 0, true},
       Layout::kNumbers,
       ""},
      {{"imagenet_sketch", "ImageNetSketch", "imagenet-sketch", "images", kPhoto, 1'000, 0, 0,
        50'889, 0, 0, true},
       Layout::kIds,
       ""},
      {{"imagenet_a", "ImageNetA", "imagenet-adversarial", "imagenet-a", kPhoto, 200, 0, 0, 7'500,
        0, 0, true},
       Layout::kIdsPresent,
       ""},
      {{"imagenet_r", "ImageNetR", "imagenet-rendition", "imagenet-r", kPhoto, 200, 0, 0, 30'000, 0,
        0, true},
       Layout::kIdsPresent,
       ""},
  };
}

}  // namespace

const std::vector<KnownDataset>& catalogue() {
  static const std::vector<KnownDataset> sets = [] {
    std::vector<KnownDataset> all = training_sets();
    for (KnownDataset& set : variants()) all.push_back(std::move(set));
    return all;
  }();
  return sets;
}

const KnownDataset* find_known(std::string_view name) {
  const std::string wanted = plain_name(name);
  for (const KnownDataset& set : catalogue()) {
    for (const std::string& known : {set.info.config, set.info.name, set.info.folder}) {
      if (plain_name(known) == wanted) return &set;
    }
  }
  return nullptr;
}

}  // namespace dataset

const std::vector<DatasetInfo>& known_datasets() {
  static const std::vector<DatasetInfo> infos = [] {
    std::vector<DatasetInfo> all;
    for (const auto& set : dataset::catalogue()) all.push_back(set.info);
    return all;
  }();
  return infos;
}

const DatasetInfo* find_dataset(const std::string& name) {
  const auto* set = dataset::find_known(name);
  return set == nullptr ? nullptr : &set->info;
}

std::string default_template(const std::string& dataset_name) {
  const auto* set = dataset::find_known(dataset_name);
  return set != nullptr ? set->info.text : dataset::kPhoto;
}

}  // namespace qprompt
