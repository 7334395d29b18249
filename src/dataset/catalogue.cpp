#include "dataset/catalogue.h"

#include "qprompt/dataset.h"

namespace qprompt {
namespace dataset {
namespace {

constexpr std::string_view kPhoto = "a photo of a {}.";

/// Lower case without separators: "OxfordPets", "oxford_pets" and "oxford-pets" are one name.
std::string plain_name(std::string_view name) {
  std::string out;
  for (const char c : name) {
    if (c == '_' || c == '-') continue;
    out.push_back(c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c);
  }
  return out;
}

}  // namespace

const std::vector<KnownDataset>& catalogue() {
  static const std::vector<KnownDataset> sets = {
      {"imagenet", "ImageNet", "imagenet", "images", "", kPhoto},
      {"caltech101", "Caltech101", "caltech-101", "101_ObjectCategories",
       "split_zhou_Caltech101.json", kPhoto},
      {"oxford_pets", "OxfordPets", "oxford_pets", "images", "split_zhou_OxfordPets.json",
       "a photo of a {}, a type of pet."},
      {"stanford_cars", "StanfordCars", "stanford_cars", "", "split_zhou_StanfordCars.json",
       kPhoto},
      {"oxford_flowers", "OxfordFlowers", "oxford_flowers", "jpg", "split_zhou_OxfordFlowers.json",
       "a photo of a {}, a type of flower."},
      {"food101", "Food101", "food-101", "images", "split_zhou_Food101.json",
       "a photo of {}, a type of food."},
      {"fgvc_aircraft", "FGVCAircraft", "fgvc_aircraft", "images", "",
       "a photo of a {}, a type of aircraft."},
      {"sun397", "SUN397", "sun397", "SUN397", "split_zhou_SUN397.json", kPhoto},
      {"dtd", "DescribableTextures", "dtd", "images", "split_zhou_DescribableTextures.json",
       "{} texture."},
      {"eurosat", "EuroSAT", "eurosat", "2750", "split_zhou_EuroSAT.json",
       "a centered satellite photo of {}."},
      {"ucf101", "UCF101", "ucf101", "UCF-101-midframes", "split_zhou_UCF101.json",
       "a photo of a person doing {}."},
      {"imagenetv2", "ImageNetV2", "imagenetv2", "imagenetv2-matched-frequency-format-val", "",
       kPhoto},
      {"imagenet_sketch", "ImageNetSketch", "imagenet-sketch", "images", "", kPhoto},
      {"imagenet_a", "ImageNetA", "imagenet-adversarial", "imagenet-a", "", kPhoto},
      {"imagenet_r", "ImageNetR", "imagenet-rendition", "imagenet-r", "", kPhoto},
  };
  return sets;
}

const KnownDataset* find_dataset(std::string_view name) {
  const std::string wanted = plain_name(name);
  for (const KnownDataset& set : catalogue()) {
    for (const std::string_view known : {set.config, set.name, set.folder}) {
      if (plain_name(known) == wanted) return &set;
    }
  }
  return nullptr;
}

}  // namespace dataset

std::vector<std::string> known_datasets() {
  std::vector<std::string> names;
  for (const auto& set : dataset::catalogue()) names.emplace_back(set.config);
  return names;
}

std::string default_template(const std::string& dataset_name) {
  const auto* set = dataset::find_dataset(dataset_name);
  return std::string(set != nullptr ? set->text : dataset::kPhoto);
}

std::string fill_template(const std::string& text, const std::string& class_name) {
  std::string name = class_name;
  for (char& c : name) c = c == '_' ? ' ' : c;
  std::string filled;
  size_t from = 0, slots = 0;
  for (size_t at; (at = text.find("{}", from)) != std::string::npos; from = at + 2, ++slots) {
    filled += text.substr(from, at - from) + name;
  }
  if (slots == 0) {
    fail(ErrorKind::kUsage, "the template '", text,
         "' has no '{}', where the class name goes; for example: a photo of a {}.");
  }
  return filled + text.substr(from);
}

}  // namespace qprompt
