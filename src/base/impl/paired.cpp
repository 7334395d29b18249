#include "base/paired.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "base/statistics.h"
#include "qprompt/base.h"

namespace qprompt {
namespace {

constexpr double kPower = 0.8;

using Counts = std::vector<int64_t>;  // how often each draw or image is taken

Counts resampled(size_t size, bool again, Rng& rng) {
  if (!again) return Counts(size, 1);
  Counts counts(size, 0);
  for (size_t i = 0; i < size; ++i) ++counts[static_cast<size_t>(rng.below(int64_t(size)))];
  return counts;
}

/// Percent right, of draws and images taken so often.
double weighted_accuracy(const std::vector<std::vector<uint8_t>>& hits, const Counts& draws,
                         const Counts& images) {
  int64_t right = 0;
  for (size_t d = 0; d < hits.size(); ++d) {
    if (draws[d] == 0) continue;
    int64_t of_draw = 0;
    for (size_t i = 0; i < images.size(); ++i) of_draw += images[i] * hits[d][i];
    right += draws[d] * of_draw;
  }
  return 100.0 * double(right) / double(hits.size() * images.size());
}

void check_hits(const std::vector<PairedHits>& lists) {
  bool fit = !lists.empty();
  for (const PairedHits& list : lists) {
    fit = fit && !list.first.empty() && list.first.size() == lists[0].first.size() &&
          list.second.size() == list.first.size() && !list.first[0].empty();
    for (const auto* method : {&list.first, &list.second}) {
      for (const auto& draw : *method) fit = fit && draw.size() == list.first[0].size();
    }
  }
  if (!fit) fail(ErrorKind::kInternal, "two methods are compared on other draws or images");
}

/// The interval that holds `level` of the values, as much being left out at either end.
Interval percentiles(std::vector<double> values, double level) {
  std::sort(values.begin(), values.end());
  const auto at = [&](double share) {  // between the order statistics beside the place
    const double place = share * double(values.size() - 1);
    const auto below = static_cast<size_t>(place);
    const size_t above = std::min(below + 1, values.size() - 1);
    return values[below] + (place - double(below)) * (values[above] - values[below]);
  };
  return {at((1 - level) / 2), at((1 + level) / 2)};
}

}  // namespace

PairedT paired_t(std::span<const double> first, std::span<const double> second, double level) {
  if (first.size() != second.size() || first.size() < 2) {
    fail(ErrorKind::kInternal, "a paired test of ", first.size(), " and ", second.size(),
         " values");
  }
  std::vector<double> differences;
  for (size_t i = 0; i < first.size(); ++i) differences.push_back(second[i] - first[i]);
  const auto n = static_cast<double>(differences.size());
  const Spread spread_of = spread(differences);
  PairedT out;
  out.pairs = static_cast<int64_t>(differences.size());
  out.mean = spread_of.mean;
  out.deviation = spread_of.deviation * std::sqrt(n / (n - 1));
  const double error = out.deviation / std::sqrt(n);
  const double reach = student_t_quantile((1 + level) / 2, n - 1);
  out.interval = {out.mean - reach * error, out.mean + reach * error};
  out.visible = (reach + student_t_quantile(kPower, n - 1)) * error;
  if (error > 0) {
    out.t = out.mean / error;
    out.p = student_t_two_sided(out.t, n - 1);
  } else if (out.mean != 0) {
    out.t = std::copysign(std::numeric_limits<double>::infinity(), out.mean);
    out.p = 0;
  }
  return out;
}

McNemar mcnemar(std::span<const uint8_t> first, std::span<const uint8_t> second) {
  if (first.size() != second.size()) {
    fail(ErrorKind::kInternal, "McNemar's test of ", first.size(), " and ", second.size(),
         " images");
  }
  McNemar out;
  for (size_t i = 0; i < first.size(); ++i) {
    out.only_first += first[i] > second[i];
    out.only_second += second[i] > first[i];
  }
  const int64_t fewer = std::min(out.only_first, out.only_second);
  const int64_t more = std::max(out.only_first, out.only_second);
  // P(X ≤ k) of a binomial with n throws of ½ is I_½(n − k, k + 1).
  if (more > 0) out.p = std::min(1.0, 2 * incomplete_beta(double(more), double(fewer) + 1, 0.5));
  return out;
}

std::vector<Interval> paired_bootstrap(const std::vector<PairedHits>& lists,
                                       const Bootstrap& bootstrap) {
  check_hits(lists);
  Rng rng(bootstrap.seed);
  std::vector<std::vector<double>> values(lists.size() == 2 ? 3 : lists.size());
  for (int64_t r = 0; r < bootstrap.resamples; ++r) {
    const Counts draws = resampled(lists[0].first.size(), bootstrap.draws, rng);
    std::vector<double> first, second;
    for (const PairedHits& list : lists) {
      const Counts images = resampled(list.first[0].size(), bootstrap.images, rng);
      first.push_back(weighted_accuracy(list.first, draws, images));
      second.push_back(weighted_accuracy(list.second, draws, images));
      values[first.size() - 1].push_back(second.back() - first.back());
    }
    if (lists.size() == 2) {
      values[2].push_back(harmonic_mean(second[0], second[1]) - harmonic_mean(first[0], first[1]));
    }
  }
  std::vector<Interval> out;
  for (std::vector<double>& one : values) {
    out.push_back(percentiles(std::move(one), bootstrap.level));
  }
  return out;
}

}  // namespace qprompt
