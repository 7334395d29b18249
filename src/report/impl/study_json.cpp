#include "base/json.h"
#include "report/impl/study_summary.h"
#include "report/study.h"

namespace qprompt {
namespace {

using namespace study;

JsonValue spread_json(const Spread& s) { return {{"mean", s.mean}, {"std", s.deviation}}; }

JsonValue setting_json(const StudySetting& set) {
  const char* quantization[] = {"none", "aware", "post-training"};
  const char* schedule[] = {"every-step", "once", "adaptive"};
  JsonValue out{{"quantization", quantization[static_cast<size_t>(set.quantization)]},
                {"noise", set.noise}};
  if (set.quantization == Quantization::kNone) return out;
  out["bits"] = set.quantizer.bits;
  out["normalise"] = set.quantizer.normalise;
  if (set.quantization != Quantization::kAware) return out;
  out["schedule"] = schedule[static_cast<size_t>(set.quantizer.schedule)];
  if (set.quantizer.schedule != Schedule::kAdaptive) return out;
  out["recluster-interval"] = set.quantizer.interval;
  out["recluster-kl"] = set.quantizer.kl_threshold;
  return out;
}

JsonValue seed_json(const StudySeed& seed) {
  JsonValue out{{"seed", seed.seed},
                {"base", seed.base},
                {"new", seed.fresh},
                {"h", harmonic_mean(seed.base, seed.fresh)},
                {"fits", seed.fits}};
  if (seed.curve.empty()) return out;
  out["initial_deviation"] = seed.initial_deviation;
  for (const StudyPoint& point : seed.curve) {
    out["curve"].push_back({{"epoch", point.epoch}, {"base", point.base}, {"new", point.fresh}});
  }
  return out;
}

JsonValue row_json(const StudyRow& row) {
  const StudyScore score = study_score(row);
  JsonValue out{{"row", row.label},
                {"setting", setting_json(row.setting)},
                {"payload_bytes", row.payload_bytes},
                {"base", spread_json(score.base)},
                {"new", spread_json(score.fresh)},
                {"h", spread_json(score.h)},
                {"fits", spread_json(score.fits)}};
  for (const StudySeed& seed : row.seeds) {
    StudySeed shown = seed;
    if (row.part != StudyPart::kNoise) shown.curve.clear();  // another part asked for it
    out["seeds"].push_back(seed_json(shown));
  }
  return out;
}

JsonValue stages_json(const std::vector<StudyStage>& stages) {
  JsonValue out = JsonValue::array();
  for (const StudyStage& s : stages) {
    JsonValue stage{{"epoch", s.epoch},
                    {"mean", spread_json(s.mean)},
                    {"variance", spread_json(s.variance)},
                    {"beyond3", spread_json(s.beyond3)},
                    {"beyond4", spread_json(s.beyond4)}};
    if (!out.empty()) {
      stage["kl"] = spread_json(s.kl);
      stage["shape_kl"] = spread_json(s.shape_kl);
      stage["distance"] = spread_json(s.distance);
    }
    out.push_back(std::move(stage));
  }
  return out;
}

JsonValue histograms_json(const std::vector<StudyHistogram>& histograms) {
  JsonValue out = JsonValue::array();
  for (const StudyHistogram& h : histograms) {
    out.push_back({{"epoch", h.epoch}, {"low", h.low}, {"high", h.high}, {"density", h.density}});
  }
  return out;
}

}  // namespace

std::string study_json(const StudyResult& result) {
  JsonValue out{{"data", result.title},
                {"fingerprint", result.fingerprint},
                {"base_classes", result.base_classes},
                {"new_classes", result.new_classes},
                {"base_images", result.base_images},
                {"new_images", result.new_images},
                {"shots", result.shots},
                {"epochs", result.epochs},
                {"batch", result.batch},
                {"seeds", result.seeds},
                {"zero_shot",
                 {{"base", result.zero_shot_base},
                  {"new", result.zero_shot_new},
                  {"h", harmonic_mean(result.zero_shot_base, result.zero_shot_new)}}}};
  for (const StudyPart part : result.parts) {
    JsonValue& rows = out["parts"][study_part_names()[static_cast<size_t>(part)]];
    rows = JsonValue::array();
    for (const StudyRow* row : rows_of(result, part)) rows.push_back(row_json(*row));
  }
  if (!result.weights.epochs.empty()) {
    out["weights"] = {{"epochs", stages_json(result.weights.epochs)},
                      {"stages", stages_json(result.weights.stages)},
                      {"histograms", histograms_json(result.weights.raw)},
                      {"normalised_histograms", histograms_json(result.weights.shape)}};
  }
  return out.text();
}

}  // namespace qprompt
