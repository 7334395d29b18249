// The paper's figures and tables on any data set: a planner, and pages of what came of it.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/statistics.h"
#include "experiment/run.h"
#include "qprompt/base.h"
#include "qprompt/dataset.h"
#include "report/table.h"
#include "train/fit.h"

namespace qprompt {

/// The parts of a study, in the order of the page (paper, sections 3 and 4).
enum class StudyPart { kNoise, kWeights, kAblation, kAware, kBits, kSchedule };
/// "noise", "weights", "ablation", "aware", "bits", "schedule".
const std::vector<std::string>& study_part_names();

/// What is studied. `fit` is the recipe that all trainings share; its quantizer gives t and T_KL
/// where they are not what is varied.
struct StudyOptions {
  std::string title;  ///< of the data, on the page; empty: the split's name
  FitOptions fit;
  std::vector<StudyPart> parts{StudyPart::kNoise, StudyPart::kWeights, StudyPart::kAblation,
                               StudyPart::kAware, StudyPart::kBits,    StudyPart::kSchedule};
  std::vector<uint64_t> seeds{1, 2, 3};
  std::vector<double> noise{0, 0.001, 0.01, 0.1};  ///< s of N(0, s²) on CoOp's context
  std::vector<int64_t> bits{1, 2, 4, 8};
  std::vector<int64_t> grid_bits{1, 2, 4};  ///< of the grid of t and T_KL
  std::vector<int64_t> intervals{1, 10, 50, 100};
  std::vector<double> thresholds{0.0001, 0.001, 0.01, 0.1};
  std::vector<std::string> templates;  ///< of the zero-shot line
};

/// What tells one training from another.
struct StudySetting {
  Quantization quantization = Quantization::kNone;
  QuantizerOptions quantizer;
  double noise = 0;
};
/// Accuracy in percent of the prompt that a file holds.
struct StudyPoint {
  int64_t epoch = 0;  ///< finished ones
  double base = 0, fresh = 0;
};
/// One training. The curve is there where a part asks for it.
struct StudySeed {
  uint64_t seed = 0;
  double base = 0, fresh = 0;
  int64_t fits = 0;              ///< how often centres were fitted, over all tensors
  double initial_deviation = 0;  ///< σ of the context before the first step; with a curve only
  std::vector<StudyPoint> curve;
};
/// One row of a part: a setting over the seeds.
struct StudyRow {
  StudyPart part = StudyPart::kNoise;
  std::string label;
  StudySetting setting;
  int64_t payload_bytes = 0;
  std::vector<StudySeed> seeds;
};
/// Means over seeds with population deviations; H is the harmonic mean of the means, its deviation
/// that of the seeds' own H.
struct StudyScore {
  Spread base, fresh, h, fits;
};
StudyScore study_score(const StudyRow& row);

/// The context's values at one epoch over the seeds, and their distance to the stage before
/// (docs/study.md). Shares are of all values.
struct StudyStage {
  int64_t epoch = 0;
  Spread mean, variance, beyond3, beyond4;
  Spread kl, shape_kl, distance;  ///< zero for the first stage
};
/// Densities of the values of all seeds together over equal bins from `low` to `high`.
struct StudyHistogram {
  int64_t epoch = 0;
  double low = 0, high = 0;
  std::vector<double> density;
};
struct StudyWeights {
  std::vector<StudyStage> epochs;          ///< each against the watched epoch before
  std::vector<StudyStage> stages;          ///< a few, each against the stage before
  std::vector<StudyHistogram> raw, shape;  ///< of the stages; `shape` after (W − μ) / σ
};

struct StudyResult {
  std::string title, fingerprint;
  int64_t base_classes = 0, new_classes = 0, base_images = 0, new_images = 0;
  double zero_shot_base = 0, zero_shot_new = 0;
  int64_t shots = 0, epochs = 0, batch = 0;
  QuantizerOptions quantizer;  ///< t and T_KL where they are not varied
  std::vector<StudyPart> parts;
  std::vector<uint64_t> seeds;
  std::vector<StudyRow> rows;
  StudyWeights weights;
};

/// Hands out what the parts need: trainings on the base half, scored on base and new test images,
/// watched where a part shows the way there. Parts that need the same training share it. Warnings
/// of drawing go to `log`, which must outlive it. Throws kUsage when a list that a part needs is
/// empty.
std::unique_ptr<Planner> study_planner(const StudyOptions& options, const Split& split, Log& log);
/// What came of the planner's cells, all of which are done. Throws kContent where the store lacks
/// what was watched.
StudyResult study_result(const StudyOptions& options, const Results& results, const Store& store);

/// The tables of the parts, for people.
std::vector<Table> study_tables(const StudyResult& result);
/// Everything, the seeds' own numbers included.
std::string study_json(const StudyResult& result);
/// File name and table, one number or one row of numbers a line: scores, curves, weights,
/// histograms; those that the parts fill.
std::vector<std::pair<std::string, Table>> study_csv(const StudyResult& result);
/// One page with tables and figures, without script or outside parts. `facts` stand at its head.
std::string study_html(const StudyResult& result,
                       const std::vector<std::pair<std::string, std::string>>& facts);

}  // namespace qprompt
