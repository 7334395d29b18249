#include "experiment/results.h"

#include <algorithm>

namespace qprompt {

const std::string& state_name(CellState state) {
  static const std::string kNames[] = {"waiting", "running", "done", "failed"};
  return kNames[static_cast<size_t>(state)];
}

std::string shots_name(int64_t shots) { return shots == 0 ? "all" : std::to_string(shots); }

std::string cell_name(const CellOutcome& cell) {
  if (cell.kind == "images") return "images of " + cell.dataset;
  std::string name = cell.label + ", " + cell.dataset;
  if (cell.kind != "prompt") return name;
  return cat(name, ", ", shots_name(cell.shots), cell.shots == 1 ? " shot, seed " : " shots, seed ",
             cell.seed);
}

int64_t Results::count(CellState state) const {
  return std::count_if(cells.begin(), cells.end(),
                       [&](const CellOutcome& cell) { return cell.state == state; });
}

int64_t Results::open() const { return count(CellState::kWaiting) + count(CellState::kRunning); }

int64_t Results::planned() const {
  return std::count_if(cells.begin(), cells.end(),
                       [](const CellOutcome& cell) { return cell.kind != "images"; });
}

std::vector<std::string> Results::failures() const {
  std::vector<std::string> out;
  for (const CellOutcome& cell : cells) {
    if (cell.state == CellState::kFailed) out.push_back(cell_name(cell) + ": " + cell.error);
  }
  return out;
}

}  // namespace qprompt
