// Sets whose annotations are MATLAB files: Stanford Cars, Oxford Flowers.
#include <filesystem>
#include <nlohmann/json.hpp>

#include "base/json_depth.h"
#include "dataset/impl/mat_file.h"
#include "dataset/impl/readers.h"

namespace qprompt::dataset {
namespace {

using nlohmann::json;

/// "Acura RL Sedan 2012" → "2012 Acura RL Sedan".
std::string car_name(const std::string& name) {
  const size_t space = name.rfind(' ');
  return space == std::string::npos ? name : name.substr(space + 1) + " " + name.substr(0, space);
}

std::vector<Item> read_cars(const std::string& file, const std::string& folder, size_t classes) {
  std::vector<Item> items;
  for (const MatAnnotation& image : read_mat_annotations(file, "annotations")) {
    const std::string fault = path_fault(image.file_name);
    if (!fault.empty()) fail(ErrorKind::kContent, "'", file, "': ", fault);
    if (image.label > static_cast<int64_t>(classes)) {
      fail(ErrorKind::kContent, "'", file, "': '", image.file_name, "' has class ", image.label,
           ", but devkit/cars_meta.mat names ", classes, " classes");
    }
    items.push_back({folder + "/" + image.file_name, image.label - 1});
  }
  return items;
}

/// cat_to_name.json: {"21": "fire lily", …}.
std::vector<std::string> read_flower_names(const std::string& file, int64_t classes) {
  constexpr int64_t kMaxBytes = 16 << 20;
  const std::string bytes = read_file(file, kMaxBytes);
  const bool deep = json_is_deeper_than(bytes, kMaxJsonDepth);
  const json names = deep ? json() : json::parse(bytes, nullptr, false);
  if (!names.is_object()) {
    fail(ErrorKind::kContent, "'", file, "' is no JSON object of class names");
  }
  std::vector<std::string> out;
  for (int64_t label = 1; label <= classes; ++label) {
    const auto found = names.find(cat(label));
    if (found == names.end() || !found->is_string() || found->get<std::string>().empty()) {
      fail(ErrorKind::kContent, "'", file, "' gives no name to class ", label,
           " of imagelabels.mat");
    }
    out.push_back(found->get<std::string>());
  }
  return out;
}

/// "image_00042.jpg" for 42.
std::string flower_file(size_t number) {
  const std::string digits = cat(number);
  return "image_" + std::string(5 - std::min<size_t>(5, digits.size()), '0') + digits + ".jpg";
}

}  // namespace

Split build_cars(const Place& place, Rng& rng) {
  Split split;
  for (const auto& name : read_mat_texts(place.below("devkit/cars_meta.mat"), "class_names")) {
    split.class_names.push_back(car_name(name));
  }
  const size_t classes = split.class_names.size();
  split_trainval(split,
                 read_cars(place.below("devkit/cars_train_annos.mat"), "cars_train", classes), rng);
  split.test = read_cars(place.below("cars_test_annos_withlabels.mat"), "cars_test", classes);
  return split;
}

Split build_flowers(const Place& place, Rng& rng) {
  constexpr int64_t kMaxClasses = 100'000;
  const std::string file = place.below("imagelabels.mat");
  const std::vector<int64_t> labels = read_mat_numbers(file, "labels");
  std::vector<int64_t> order;  // labels by first appearance, which is the order of CoOp's draws
  std::vector<std::vector<std::string>> paths;
  for (size_t i = 0; i < labels.size(); ++i) {
    if (labels[i] > kMaxClasses) {
      fail(ErrorKind::kContent, "'", file, "': image ", i + 1, " has class ", labels[i]);
    }
    const auto label = static_cast<size_t>(labels[i] - 1);
    if (paths.size() <= label) paths.resize(label + 1);
    if (paths[label].empty()) order.push_back(labels[i] - 1);
    paths[label].push_back(flower_file(i + 1));
  }
  if (order.empty()) fail(ErrorKind::kContent, "'", file, "' has no labels");
  Split split;
  split.class_names =
      read_flower_names(place.below("cat_to_name.json"), static_cast<int64_t>(paths.size()));
  for (const int64_t label : order) {
    split_class(split, paths[static_cast<size_t>(label)], label, rng);
  }
  return split;
}

}  // namespace qprompt::dataset
