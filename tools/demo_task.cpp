#include "demo_task.h"

#include <algorithm>
#include <cstdio>
#include <stdexcept>

namespace qprompt::demo {
namespace {

namespace fs = std::filesystem;

std::string folder_name(const Scene& scene) {
  std::string name = class_name(scene);
  std::replace(name.begin(), name.end(), ' ', '_');
  return name;
}

std::string file_name(size_t index) {
  char name[16];
  std::snprintf(name, sizeof name, "%03zu.png", index);
  return name;
}

// Indices of each garment's images in the range, shuffled.
std::vector<std::vector<size_t>> images_by_garment(const ImageRange& range, Random& random) {
  std::vector<std::vector<size_t>> indices(garments().size());
  for (size_t i = range.begin; i < range.end; ++i) {
    indices.at(range.images->labels[i]).push_back(i);
  }
  for (std::vector<size_t>& list : indices) random.shuffle(list);
  return indices;
}

}  // namespace

TaskSplit draw_task(const ImageRange& range, size_t per_class, uint32_t looks, uint64_t seed) {
  Random random(seed);
  std::vector<std::vector<size_t>> unused = images_by_garment(range, random);
  const std::vector<Scene> classes = task_classes();
  TaskSplit split;
  for (size_t label = 0; label < classes.size(); ++label) {
    Scene scene = classes[label];
    scene.looks = looks;
    std::vector<size_t>& list = unused[scene.garment];
    if (list.size() < per_class) throw std::runtime_error("too few images of " + class_name(scene));
    for (size_t i = 0; i < per_class; ++i) {
      split.pictures.push_back(draw(range.images->image(list.back()), scene, false, random));
      split.labels.push_back(static_cast<int64_t>(label));
      list.pop_back();
    }
  }
  return split;
}

TaskSplit half_of(const TaskSplit& split, bool base) {
  const auto half = static_cast<int64_t>(task_classes().size() / 2);
  TaskSplit result;
  for (size_t i = 0; i < split.labels.size(); ++i) {
    if ((split.labels[i] < half) != base) continue;
    result.pictures.push_back(split.pictures[i]);
    result.labels.push_back(split.labels[i] - (base ? 0 : half));
  }
  return result;
}

TaskSplit first_of(const TaskSplit& split, size_t per_class) {
  std::vector<size_t> taken(task_classes().size(), 0);
  TaskSplit result;
  for (size_t i = 0; i < split.labels.size(); ++i) {
    if (taken.at(static_cast<size_t>(split.labels[i]))++ >= per_class) continue;
    result.pictures.push_back(split.pictures[i]);
    result.labels.push_back(split.labels[i]);
  }
  return result;
}

void write_task(const fs::path& folder, const TaskSplit& split) {
  fs::remove_all(folder);
  const std::vector<Scene> classes = task_classes();
  std::vector<size_t> written(classes.size(), 0);
  for (size_t i = 0; i < split.labels.size(); ++i) {
    const auto label = static_cast<size_t>(split.labels[i]);
    const fs::path class_folder = folder / folder_name(classes[label]);
    fs::create_directories(class_folder);
    write_png(class_folder / file_name(written[label]++), split.pictures[i]);
  }
}

TaskSplit read_task(const fs::path& folder) {
  const std::vector<Scene> classes = task_classes();
  TaskSplit split;
  for (size_t label = 0; label < classes.size(); ++label) {
    for (size_t i = 0;; ++i) {
      const fs::path path = folder / folder_name(classes[label]) / file_name(i);
      if (!fs::exists(path)) break;
      split.pictures.push_back(read_png(path));
      split.labels.push_back(static_cast<int64_t>(label));
    }
  }
  if (split.labels.empty()) throw std::runtime_error(folder.string() + ": no pictures found");
  return split;
}

std::vector<std::string> half_names(bool base) {
  const std::vector<Scene> classes = task_classes();
  const size_t half = classes.size() / 2;
  std::vector<std::string> names;
  for (size_t i = base ? 0 : half; i < (base ? half : classes.size()); ++i) {
    names.push_back(class_name(classes[i]));
  }
  return names;
}

}  // namespace qprompt::demo
