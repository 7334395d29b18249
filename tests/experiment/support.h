// A few of the demo's images, and recipes over them.
#pragma once

#include <algorithm>
#include <filesystem>
#include <string>
#include <vector>

#include "experiment/recipe.h"
#include "experiment/run.h"
#include "support/run.h"

namespace qprompt::testing_support {

/// The first `classes` of the demo's classes, with `train` and `test` images each.
inline void copy_some_images(const std::string& to, size_t classes, size_t train, size_t test) {
  namespace fs = std::filesystem;
  const auto sorted = [](const fs::path& folder) {
    std::vector<fs::path> paths;
    for (const auto& entry : fs::directory_iterator(folder)) paths.push_back(entry.path());
    std::sort(paths.begin(), paths.end());
    return paths;
  };
  for (const auto& [list, images] : {std::pair{"train", train}, std::pair{"test", test}}) {
    std::vector<fs::path> folders = sorted(fs::path(demo_data()) / list);
    folders.resize(classes);
    for (const fs::path& folder : folders) {
      const fs::path target = fs::path(to) / list / folder.filename();
      fs::create_directories(target);
      std::vector<fs::path> files = sorted(folder);
      files.resize(images);
      for (const fs::path& file : files) {
        fs::copy_file(file, target / file.filename(), fs::copy_options::overwrite_existing);
      }
    }
  }
}

/// Two small data sets "garments" and "others" in `folder`, and a recipe with these lines more.
inline std::string write_recipe(const TempFolder& folder, const std::string& lines) {
  if (!std::filesystem::exists(folder / "garments")) {
    copy_some_images(folder / "garments", 6, 4, 3);
    copy_some_images(folder / "others", 4, 4, 3);
  }
  const std::string path = folder / "recipe.toml";
  write_all(path, "clip = \"" + demo_clip() + "\"\ncache = \"cache\"\n" + lines +
                      "\n[folders]\ngarments = \"garments\"\nothers = \"others\"\n");
  return path;
}

inline RecipeRequest request_of(const std::string& recipe) {
  RecipeRequest request;
  request.recipe = recipe;
  return request;
}

/// Runs a recipe in this process, as `qprompt run` does.
inline Results run_recipe(const RecipeRequest& request, Store& store, bool retry = false) {
  Log log;
  LogObserver observer(log);
  const Recipe recipe = read_recipe(request);
  const Clip clip = Clip::load(recipe.clip, {});
  const auto planner = matrix_planner(matrix_of(recipe), log);
  RunOptions options;
  options.features = features_of(recipe);
  options.retry = retry;
  TempFolder scratch;
  options.scratch = scratch.path();
  return run(clip, *planner, store, options, observer);
}

}  // namespace qprompt::testing_support
