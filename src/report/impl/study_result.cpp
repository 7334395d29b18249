// From finished cells to what the pages show.
#include <cmath>
#include <nlohmann/json.hpp>

#include "qprompt/artifact.h"
#include "report/impl/study_plan.h"
#include "report/impl/study_statistics.h"
#include "report/impl/study_weights.h"
#include "report/study.h"

namespace qprompt {
namespace {

using study::StudyCell;
using study::ValuesOverEpochs;

/// How often centres were fitted, from the run record.
int64_t fits_of(const Store& store, const CellOutcome& cell) {
  const auto record = nlohmann::json::parse(store.get(record_id(cell.training)), nullptr, false);
  if (!record.is_object() || !record.contains("reclusterings")) {
    fail(ErrorKind::kContent, "the store has no run record of ", cell_name(cell));
  }
  int64_t fits = 0;
  for (const auto& events : record["reclusterings"]) {
    for (const auto& event : events) fits += event.value("refitted", false) ? 1 : 0;
  }
  return fits;
}

/// The context's float values (N) at each watched epoch.
ValuesOverEpochs watched_values(const Store& store, const CellOutcome& cell,
                                const std::vector<int64_t>& epochs) {
  ValuesOverEpochs all;
  for (const int64_t epoch : epochs) {
    const std::string name = cat(cell_name(cell), ", values after epoch ", epoch);
    const std::string bytes = store.get(weights_id(cell.training, epoch));
    if (bytes.empty()) fail(ErrorKind::kContent, "the store lacks ", name);
    all.push_back(decode_prompt(bytes, name).tensors.at(0).values());
  }
  return all;
}

/// Base and new test lists, in the planner's order.
constexpr size_t kLists = 2;

StudySeed seed_of(const Store& store, const CellOutcome& cell, const StudyCell& planned) {
  if (cell.state != CellState::kDone || cell.scores.size() != kLists) {
    fail(ErrorKind::kContent, "a study needs all of its trainings; not done: ", cell_name(cell));
  }
  StudySeed seed{
      cell.seed, cell.scores[0].accuracy(), cell.scores[1].accuracy(), fits_of(store, cell), 0, {}};
  if (!planned.curve) return seed;
  for (size_t i = 0; i + 1 < cell.watched.size(); i += kLists) {
    const ScoredList &base = cell.watched[i], &fresh = cell.watched[i + 1];
    seed.curve.push_back({base.epoch, base.accuracy(), fresh.accuracy()});
  }
  return seed;
}

StudyResult head_of(const StudyOptions& options, const Results& results) {
  const CellOutcome& zero_shot = results.cells.at(0);
  if (zero_shot.scores.size() != kLists) {
    fail(ErrorKind::kContent, "a study needs its zero-shot line; not done: ", cell_name(zero_shot));
  }
  const ScoredList &base = zero_shot.scores[0], &fresh = zero_shot.scores[1];
  StudyResult result;
  result.title = options.title.empty() ? base.dataset : options.title;
  result.base_classes = static_cast<int64_t>(base.classes->size());
  result.new_classes = static_cast<int64_t>(fresh.classes->size());
  result.base_images = base.total;
  result.new_images = fresh.total;
  result.zero_shot_base = base.accuracy();
  result.zero_shot_new = fresh.accuracy();
  result.shots = options.fit.shots;
  result.epochs = options.fit.train.epochs;
  result.batch = options.fit.train.batch;
  result.quantizer = options.fit.train.quantizer;
  result.parts = options.parts;
  result.seeds = options.seeds;
  return result;
}

/// σ of the context before the first step. Noise comes with the steps, so that equal seeds start
/// from equal values.
void add_initial_deviations(const std::vector<ValuesOverEpochs>& seeds, StudyResult& result) {
  for (StudyRow& row : result.rows) {
    for (size_t s = 0; s < row.seeds.size() && s < seeds.size(); ++s) {
      if (row.seeds[s].curve.empty()) continue;
      row.seeds[s].initial_deviation = std::sqrt(study::moments(seeds[s].at(0)).variance);
    }
  }
}

}  // namespace

const std::vector<std::string>& study_part_names() {
  static const std::vector<std::string> kNames{"noise", "weights", "ablation",
                                               "aware", "bits",    "schedule"};
  return kNames;
}

StudyScore study_score(const StudyRow& row) {
  std::vector<double> base, fresh, fits;
  for (const StudySeed& seed : row.seeds) {
    base.push_back(seed.base);
    fresh.push_back(seed.fresh);
    fits.push_back(static_cast<double>(seed.fits));
  }
  return {spread(base), spread(fresh), harmonic_spread(base, fresh), spread(fits)};
}

StudyResult study_result(const StudyOptions& options, const Results& results, const Store& store) {
  const study::Plan plan = study::make_plan(options);
  StudyResult result = head_of(options, results);
  const std::vector<int64_t> epochs = study::watched_epochs(options.fit.train.epochs);
  const size_t count = options.seeds.size();
  for (const study::PlannedRow& planned : plan.rows) {
    const StudyCell& setting = plan.cells[planned.cell];
    StudyRow row{planned.part, planned.label, setting.setting, 0, {}};
    for (size_t s = 0; s < count; ++s) {
      const CellOutcome& cell = results.cells.at(1 + planned.cell * count + s);
      row.payload_bytes = cell.payload_bytes;
      row.seeds.push_back(seed_of(store, cell, setting));
    }
    result.rows.push_back(std::move(row));
  }
  for (size_t c = 0; c < plan.cells.size(); ++c) {
    if (!plan.cells[c].weights) continue;
    std::vector<ValuesOverEpochs> seeds;
    for (size_t s = 0; s < count; ++s) {
      seeds.push_back(watched_values(store, results.cells.at(1 + c * count + s), epochs));
    }
    add_initial_deviations(seeds, result);
    if (plan.cells[c].described) {
      result.weights = study::describe_weights(seeds, options.fit.train.epochs);
    }
  }
  return result;
}

}  // namespace qprompt
