// A made-up study.
#pragma once

#include "report/impl/study_plan.h"
#include "report/study.h"

namespace qprompt::testing_support {

/// A made-up result with every part in it.
inline StudyResult example_study() {
  StudyOptions options;
  options.noise = {0, 0.1};
  options.bits = {1, 4};
  StudyResult result;
  result.title = "<b>a & b</b>";
  result.fingerprint = "00";
  result.parts = options.parts;
  result.seeds = {1, 2};
  const study::Plan plan = study::make_plan(options);
  double value = 50;
  for (const study::PlannedRow& planned : plan.rows) {
    StudyRow row{planned.part, planned.label, plan.cells[planned.cell].setting, 68, {}};
    for (const uint64_t seed : result.seeds) {
      value += 0.25;
      row.seeds.push_back({seed, value, value + 1, 2, 0.02, {{0, 50, 50}, {1, value, 52}}});
    }
    result.rows.push_back(row);
  }
  for (const int64_t epoch : {0, 1}) {
    const StudyStage stage{epoch, {1, 2}, {3, 4}, {0.01, 0}, {0, 0}, {5, 6}, {7, 8}, {9, 10}};
    result.weights.epochs.push_back(stage);
    result.weights.stages.push_back(stage);
    result.weights.raw.push_back({epoch, -1, 1, {0.25, 0.75}});
    result.weights.shape.push_back({epoch, -4, 4, {0.1, 0.025}});
  }
  return result;
}

}  // namespace qprompt::testing_support
