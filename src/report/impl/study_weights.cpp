// The context's values over training: moments, outliers, distances, histograms.
#include "report/impl/study_weights.h"

#include <algorithm>
#include <cmath>

#include "report/impl/study_plan.h"
#include "report/impl/study_statistics.h"

namespace qprompt::study {
namespace {

constexpr int64_t kBins = 40;
constexpr double kShapeEdge = 4;  // σ

/// One number of each seed, at one stage.
struct StageValues {
  std::vector<double> mean, variance, beyond3, beyond4, kl, shape_kl, distance;
};

/// The range of all values of all series.
Bins range_of(const std::vector<ValuesOverEpochs>& seeds, const std::vector<size_t>& places) {
  Bins bins{HUGE_VAL, -HUGE_VAL, kBins};
  for (const ValuesOverEpochs& series : seeds) {
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
std::vector<StudyStage> describe_stages(const std::vector<ValuesOverEpochs>& seeds,
                                        const std::vector<int64_t>& epochs,
                                        const std::vector<size_t>& places) {
  std::vector<Bins> bins;
  for (const ValuesOverEpochs& series : seeds) bins.push_back(range_of({series}, places));
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
StudyHistogram pooled(const std::vector<ValuesOverEpochs>& seeds, size_t place, const Bins& bins,
                      bool normalise) {
  StudyHistogram out{0, bins.low, bins.high, std::vector<double>(size_t(bins.count), 0)};
  const double width = (bins.high - bins.low) / static_cast<double>(bins.count);
  for (const ValuesOverEpochs& series : seeds) {
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

}  // namespace

StudyWeights describe_weights(const std::vector<ValuesOverEpochs>& seeds, int64_t epochs) {
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

}  // namespace qprompt::study
