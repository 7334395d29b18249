// Made-up results whose numbers are known.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "report/paper.h"

namespace qprompt::testing_support {

/// `right` of 4 images right; the wrong ones go to the next class.
inline ScoredList test_of(const std::string& dataset, const std::string& half, int64_t right) {
  const std::vector<std::string> names{"<cat>", "dog, \"small\""};
  const std::vector<int64_t> truth{0, 0, 1, 1};
  ScoredList test;
  test.dataset = dataset;
  test.half = half;
  test.total = 4;
  test.correct = right;
  test.classes = std::make_shared<const std::vector<std::string>>(names);
  test.truth = std::make_shared<const std::vector<int64_t>>(truth);
  test.predictions = truth;
  test.confidences = {0.75f, 0.75f, 0.75f, 0.75f};
  for (int64_t i = right; i < 4; ++i) test.predictions[size_t(i)] = 1 - truth[size_t(i)];
  return test;
}

inline CellOutcome done(const std::string& label, const std::string& set, int64_t shots,
                        uint64_t seed) {
  CellOutcome cell;
  cell.kind = shots > 0 ? "prompt" : "templates";
  cell.label = label;
  cell.dataset = set;
  cell.shots = shots;
  cell.seed = seed;
  cell.state = CellState::kDone;
  cell.payload_bytes = shots > 0 ? 260 : 0;
  return cell;
}

inline CellOutcome cell_of(const std::string& set, uint64_t seed, int64_t base, int64_t fresh,
                           const std::string& label = "QCoOp 1 bit") {
  CellOutcome cell = done(label, set, 16, seed);
  cell.scores = {test_of(set, "base", base), test_of(set, "new", fresh)};
  return cell;
}

inline Experiment base_to_new() {
  Experiment e;
  e.heading = {
      "main", "The main table", Protocol::kBaseToNew, {"QCoOp 1 bit"}, {"a", "b"}, {16}, "", ""};
  e.cells = {cell_of("a", 1, 4, 2), cell_of("a", 2, 2, 2), cell_of("b", 1, 2, 1),
             cell_of("b", 2, 2, 3)};
  e.planned = 4;
  e.published.source = "a paper";
  e.published.average_over = 2;
  e.published.methods["QCoOp 1 bit"] = {260, {{"average", {60, 49, 54}}, {"a", {70, 51, 59}}}};
  return e;
}

inline Experiment few_shot() {
  Experiment e;
  e.heading = {"shots", "Few shots", Protocol::kFewShot, {"zero-shot CLIP", "CoOp"}, {"a"}, {1, 2},
               "",      ""};
  e.planned = 3;
  e.failures = {"CoOp, a: <broken>"};
  for (const int64_t shots : {0, 1, 2}) {
    e.cells.push_back(done(shots == 0 ? "zero-shot CLIP" : "CoOp", "a", shots, shots > 0));
    e.cells.back().scores = {test_of("a", "all", 1 + shots)};
  }
  return e;
}

}  // namespace qprompt::testing_support
