#include "report/impl/study_plan.h"

#include <algorithm>
#include <cstdlib>

#include "experiment/methods.h"
#include "method/choice.h"

namespace qprompt::study {
namespace {

constexpr int64_t kWatched = 50;

std::string bits_text(int64_t bits) { return cat(bits, bits == 1 ? " bit" : " bits"); }

/// Fills a plan; a setting that is there already is used again.
class PlanMaker {
 public:
  explicit PlanMaker(const StudyOptions& options) : options_(options) {}

  void add(StudyPart part, const std::string& label, const StudySetting& setting) {
    FitOptions fit = options_.fit;
    fit.train.quantization = setting.quantization;
    fit.train.quantizer = setting.quantizer;
    fit.train.noise = setting.noise;
    const std::string text = deciding_options(fit);
    size_t at = 0;
    while (at < texts_.size() && texts_[at] != text) ++at;
    if (at == texts_.size()) {
      texts_.push_back(text);
      plan_.cells.push_back({label, setting, fit});
    }
    plan_.cells[at].curve |= part == StudyPart::kNoise;
    // The first noise shows how far the context's values lie apart at the start.
    const bool first = plan_.rows.empty() || plan_.rows.back().part != part;
    plan_.cells[at].weights |= part == StudyPart::kWeights || (part == StudyPart::kNoise && first);
    plan_.cells[at].described |= part == StudyPart::kWeights;
    plan_.rows.push_back({part, label, at});
  }

  StudySetting plain(double noise = 0) const {
    return {Quantization::kNone, options_.fit.train.quantizer, noise};
  }
  StudySetting quantized(int64_t bits, Quantization when = Quantization::kAware) const {
    StudySetting setting{when, options_.fit.train.quantizer, 0};
    setting.quantizer.bits = bits;
    setting.quantizer.normalise = true;
    setting.quantizer.schedule = Schedule::kAdaptive;
    return setting;
  }
  /// The label of this setting.
  std::string method(const StudySetting& setting) const {
    return MethodChoice{&options_.fit.method.method(), setting.quantization}.label(
        setting.quantizer.bits);
  }
  void add_method(StudyPart part, const StudySetting& setting) {
    add(part, method(setting), setting);
  }

  Plan take() { return std::move(plan_); }

 private:
  const StudyOptions& options_;
  Plan plan_;
  std::vector<std::string> texts_;
};

/// The paper's ladder first, then what it leaves out of normalisation × schedule.
void plan_ablation(PlanMaker& planner, int64_t bits) {
  struct Variant {
    const char* name;
    bool normalise;
    Schedule schedule;
  };
  constexpr Variant kVariants[] = {
      {"k-means only", false, Schedule::kEveryStep},
      {"+ normalisation", true, Schedule::kEveryStep},
      {"+ adaptive schedule", true, Schedule::kAdaptive},
      {"adaptive, not normalised", false, Schedule::kAdaptive},
      {"fitted once, normalised", true, Schedule::kOnce},
      {"fitted once, not normalised", false, Schedule::kOnce},
  };
  for (const Variant& variant : kVariants) {
    StudySetting setting = planner.quantized(bits);
    setting.quantizer.normalise = variant.normalise;
    setting.quantizer.schedule = variant.schedule;
    planner.add(StudyPart::kAblation, cat(bits_text(bits), ": ", variant.name), setting);
  }
}

void plan_grid(PlanMaker& planner, const StudyOptions& options, int64_t bits) {
  for (const int64_t interval : options.intervals) {
    for (const double threshold : options.thresholds) {
      StudySetting setting = planner.quantized(bits);
      setting.quantizer.interval = interval;
      setting.quantizer.kl_threshold = threshold;
      planner.add(StudyPart::kSchedule,
                  cat(bits_text(bits), ", t ", interval, ", T_KL ", threshold), setting);
    }
  }
}

void plan_part(PlanMaker& planner, StudyPart part, const StudyOptions& options) {
  switch (part) {
    case StudyPart::kNoise:
      for (const double s : options.noise) {
        planner.add(part, cat("CoOp, noise ", s), planner.plain(s));
      }
      break;
    case StudyPart::kWeights:
      planner.add_method(part, planner.plain());
      break;
    case StudyPart::kAblation:
      for (const int64_t bits : options.bits) plan_ablation(planner, bits);
      break;
    case StudyPart::kAware:
      planner.add_method(part, planner.plain());
      for (const int64_t bits : options.bits) {
        planner.add_method(part, planner.quantized(bits));
        planner.add_method(part, planner.quantized(bits, Quantization::kPostTraining));
      }
      break;
    case StudyPart::kBits:
      planner.add_method(part, planner.plain());
      for (const int64_t bits : options.bits) planner.add_method(part, planner.quantized(bits));
      break;
    case StudyPart::kSchedule:
      for (const int64_t bits : options.grid_bits) plan_grid(planner, options, bits);
      break;
  }
}

}  // namespace

Watch StudyCell::watch() const {
  if (!curve && !weights) return {};
  return {watched_epochs(fit.train.epochs), curve, weights};
}

Plan make_plan(const StudyOptions& options) {
  if (options.seeds.empty() || options.parts.empty() || options.noise.empty() ||
      options.bits.empty() || options.grid_bits.empty() || options.intervals.empty() ||
      options.thresholds.empty()) {
    fail(ErrorKind::kUsage,
         "a study needs at least one part, seed, noise, number of bits, t and "
         "T_KL");
  }
  PlanMaker planner(options);
  for (const StudyPart part : options.parts) plan_part(planner, part, options);
  return planner.take();
}

std::vector<int64_t> watched_epochs(int64_t epochs) {
  const int64_t every = std::max<int64_t>(1, (epochs + kWatched - 1) / kWatched);
  std::vector<int64_t> watched;
  for (int64_t epoch = 0; epoch < epochs; epoch += every) watched.push_back(epoch);
  watched.push_back(epochs);
  return watched;
}

std::vector<int64_t> stage_epochs(int64_t epochs) {
  const std::vector<int64_t> watched = watched_epochs(epochs);
  std::vector<int64_t> stages;
  for (const int64_t wanted :
       {int64_t{0}, int64_t{1}, epochs / 10, epochs / 5, epochs / 2, epochs}) {
    const int64_t nearest = *std::min_element(
        watched.begin(), watched.end(),
        [&](int64_t a, int64_t b) { return std::abs(a - wanted) < std::abs(b - wanted); });
    if (stages.empty() || nearest > stages.back()) stages.push_back(nearest);
  }
  return stages;
}

}  // namespace qprompt::study
