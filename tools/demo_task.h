// The downstream task: labelled pictures of the task's classes in the task's look.
#pragma once

#include <cstdint>
#include <filesystem>
#include <vector>

#include "demo_files.h"
#include "demo_world.h"

namespace qprompt::demo {

// Pictures with their class, an index in task_classes().
struct TaskSplit {
  std::vector<Picture> pictures;
  std::vector<int64_t> labels;
};

// Images [begin, end) of one Fashion-MNIST file.
struct ImageRange {
  const GreyImages* images = nullptr;
  size_t begin = 0;
  size_t end = 0;
};

// `per_class` pictures of every class in the given looks, each from another grey image of the
// range.
TaskSplit draw_task(const ImageRange& range, size_t per_class, uint32_t looks, uint64_t seed);

// The pictures of one half of the classes, relabelled from zero: base is the first half.
TaskSplit half_of(const TaskSplit& split, bool base);

// The first `per_class` pictures of every class.
TaskSplit first_of(const TaskSplit& split, size_t per_class);

// One folder a class, "red_sneaker", with files 000.png, 001.png, ...
void write_task(const std::filesystem::path& folder, const TaskSplit& split);
TaskSplit read_task(const std::filesystem::path& folder);

// Names of the classes of one half, as they stand in a prompt.
std::vector<std::string> half_names(bool base);

}  // namespace qprompt::demo
