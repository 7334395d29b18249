#include "qprompt/study.h"

#include <algorithm>
#include <cmath>

#include "study/cells.h"
#include "study/plan.h"
#include "study/statistics.h"

namespace qprompt {
namespace {

using namespace study;

constexpr int64_t kBins = 40;
constexpr double kShapeEdge = 4;  // σ

using Series = std::vector<std::vector<float>>;  // the values (N) at each watched epoch

/// One number of each seed, at one stage.
struct StageValues {
  std::vector<double> mean, variance, beyond3, beyond4, kl, shape_kl, distance;
};

/// The range of all values of all series.
Bins range_of(const std::vector<Series>& seeds, const std::vector<size_t>& places) {
  Bins bins{HUGE_VAL, -HUGE_VAL, kBins};
  for (const Series& series : seeds) {
    for (const size_t place : places) {
      const auto [low, high] = std::minmax_element(series[place].begin(), series[place].end());
      bins.low = std::min(bins.low, static_cast<double>(*low));
      bins.high = std::max(bins.high, static_cast<double>(*high));
    }
  }
  return bins;
}

void describe(const std::vector<float>& now, const std::vector<float>* before, const Bins& bins,
              StageValues& values) {
  const Moments m = moments(now);
  values.mean.push_back(m.mean);
  values.variance.push_back(m.variance);
  values.beyond3.push_back(share_beyond(now, 3));
  values.beyond4.push_back(share_beyond(now, 4));
  if (before == nullptr) return;
  const Bins shape{-kShapeEdge, kShapeEdge, kBins};
  values.kl.push_back(kl_divergence(histogram(now, bins), histogram(*before, bins)));
  values.shape_kl.push_back(
      kl_divergence(histogram(normalised(now), shape), histogram(normalised(*before), shape)));
  values.distance.push_back(relative_distance(now, *before));
}

/// The stages at these places of the watched epochs, each against the one before.
std::vector<StudyStage> describe_stages(const std::vector<Series>& seeds,
                                        const std::vector<int64_t>& epochs,
                                        const std::vector<size_t>& places) {
  std::vector<Bins> bins;
  for (const Series& series : seeds) bins.push_back(range_of({series}, places));
  std::vector<StudyStage> stages;
  for (size_t i = 0; i < places.size(); ++i) {
    StageValues values;
    for (size_t s = 0; s < seeds.size(); ++s) {
      const auto* before = i == 0 ? nullptr : &seeds[s][places[i - 1]];
      describe(seeds[s][places[i]], before, bins[s], values);
    }
    stages.push_back({epochs[places[i]], spread(values.mean), spread(values.variance),
                      spread(values.beyond3), spread(values.beyond4), spread(values.kl),
                      spread(values.shape_kl), spread(values.distance)});
  }
  return stages;
}

/// The values of all seeds at one place together.
StudyHistogram pooled(const std::vector<Series>& seeds, size_t place, const Bins& bins,
                      bool normalise) {
  StudyHistogram out{0, bins.low, bins.high, std::vector<double>(size_t(bins.count), 0)};
  const double width = (bins.high - bins.low) / static_cast<double>(bins.count);
  for (const Series& series : seeds) {
    const std::vector<float>& values = series[place];
    const auto counts = histogram(normalise ? normalised(values) : values, bins);
    for (size_t b = 0; b < counts.size(); ++b) {
      if (width <= 0) continue;
      out.density[b] += static_cast<double>(counts[b]) /
                        (width * static_cast<double>(values.size() * seeds.size()));
    }
  }
  return out;
}

StudyWeights describe_weights(const std::vector<Series>& seeds, int64_t epochs) {
  const std::vector<int64_t> watched = watched_epochs(epochs);
  std::vector<size_t> all, some;
  const std::vector<int64_t> wanted = stage_epochs(epochs);
  for (size_t i = 0; i < watched.size(); ++i) {
    all.push_back(i);
    if (std::count(wanted.begin(), wanted.end(), watched[i]) > 0) some.push_back(i);
  }
  StudyWeights weights;
  weights.epochs = describe_stages(seeds, watched, all);
  weights.stages = describe_stages(seeds, watched, some);
  const Bins raw = range_of(seeds, some);
  for (const size_t place : some) {
    weights.raw.push_back(pooled(seeds, place, raw, false));
    weights.shape.push_back(pooled(seeds, place, {-kShapeEdge, kShapeEdge, kBins}, true));
    weights.raw.back().epoch = weights.shape.back().epoch = watched[place];
  }
  return weights;
}

StudyResult describe_study(const Clip& clip, const Split& split, const StudyOptions& options,
                           const Workplace& place) {
  StudyResult result;
  result.title = options.title.empty() ? split.name : options.title;
  result.fingerprint = to_hex(clip.fingerprint());
  result.base_classes = static_cast<int64_t>(place.base().split.class_names.size());
  result.new_classes = static_cast<int64_t>(place.fresh().split.class_names.size());
  result.base_images = static_cast<int64_t>(place.base().features.kept.size());
  result.new_images = static_cast<int64_t>(place.fresh().features.kept.size());
  result.zero_shot_base = score_templates(clip, options.templates, place.base()).accuracy();
  result.zero_shot_new = score_templates(clip, options.templates, place.fresh()).accuracy();
  result.shots = options.fit.shots;
  result.epochs = options.fit.train.epochs;
  result.batch = options.fit.train.batch;
  result.quantizer = options.fit.train.quantizer;
  result.parts = options.parts;
  result.seeds = options.seeds;
  return result;
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

StudyResult run_study(const Clip& clip, const Split& split, const StudyOptions& options, Log& log) {
  const Plan plan = make_plan(options);
  const OnlyMe alone(options.out);
  Workplace place(clip, split, options, log);
  StudyResult result = describe_study(clip, split, options, place);
  const auto total = static_cast<int64_t>(plan.cells.size() * options.seeds.size());
  log.note(cat(plan.cells.size(), " settings with ", options.seeds.size(), " seeds: ", total,
               " trainings"));
  std::vector<std::vector<Trained>> cells;
  std::vector<Series> watched;
  for (const Cell& cell : plan.cells) {
    cells.emplace_back();
    for (const uint64_t seed : options.seeds) {
      cells.back().push_back(place.work(cell, seed, log));
      (cells.back().back().kept ? result.kept : result.trained) += 1;
      if (cell.weights) watched.push_back(place.weights(cell, seed));
      log.progress("study", result.kept + result.trained, total);
    }
  }
  for (const PlannedRow& planned : plan.rows) {
    StudyRow row{planned.part, planned.label, plan.cells[planned.cell].setting, 0, {}};
    for (const Trained& cell : cells[planned.cell]) {
      row.payload_bytes = cell.payload_bytes;
      row.seeds.push_back(cell.seed);
    }
    result.rows.push_back(std::move(row));
  }
  if (!watched.empty()) result.weights = describe_weights(watched, options.fit.train.epochs);
  return result;
}

}  // namespace qprompt
