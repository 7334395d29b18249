// A recipe's matrix as cells. Private to the room.
#pragma once

#include <string>
#include <vector>

#include "run/recipe.h"

namespace qprompt::run {

/// What a cell does: encode the images of a data set, score templates, or learn and score a prompt.
enum class CellKind { kImages, kTemplates, kPrompt };
const std::string& kind_name(CellKind kind);

struct TestSpec {
  SetSpec set;
  Half half = Half::kAll;
};
/// Training images that some cell of a data set will need.
struct Draw {
  int64_t shots = 0;
  uint64_t seed = 0;
  int64_t views = 0;
  bool operator==(const Draw&) const = default;
};

struct Cell {
  CellKind kind = CellKind::kPrompt;
  std::string key;         ///< digest of everything that decides the result
  std::string prompt_key;  ///< digest of what decides the prompt; protocols may share one
  std::string name;        ///< for people
  MethodSpec method;
  SetSpec set;  ///< trained on
  int64_t shots = 0;
  uint64_t seed = 0;
  FitOptions fit;
  std::vector<TestSpec> tests;
  std::vector<Draw> draws;         ///< of an images cell
  std::string configuration;       ///< the settings behind `key`, as JSON
  std::vector<std::string> needs;  ///< keys of cells that come first
};

struct Plan {
  Recipe recipe;
  std::string fingerprint;  ///< of the CLIP
  std::vector<Cell> cells;
};

Plan make_plan(Recipe recipe, const RunRequest& request, const std::string& fingerprint);

/// The split that a draw trains on.
Split draw_split(const Split& whole, int64_t shots, uint64_t seed, Half half, Log& log);

}  // namespace qprompt::run
