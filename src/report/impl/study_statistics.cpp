#include "report/impl/study_statistics.h"

#include <algorithm>
#include <cmath>

#include "qprompt/base.h"

namespace qprompt::study {

Moments moments(std::span<const float> values) {
  Moments m;
  if (values.empty()) return m;
  const auto count = static_cast<double>(values.size());
  for (const float v : values) m.mean += static_cast<double>(v) / count;
  for (const float v : values) m.variance += (v - m.mean) * (v - m.mean) / count;
  return m;
}

std::vector<float> normalised(std::span<const float> values) {
  const Moments m = moments(values);
  const double sigma = std::sqrt(m.variance);
  std::vector<float> out;
  out.reserve(values.size());
  for (const float v : values) {
    out.push_back(sigma > 0 ? static_cast<float>((v - m.mean) / sigma) : 0.0f);
  }
  return out;
}

double share_beyond(std::span<const float> values, double k) {
  const Moments m = moments(values);
  const double limit = k * std::sqrt(m.variance);
  const auto beyond = std::count_if(values.begin(), values.end(),
                                    [&](float v) { return std::abs(v - m.mean) > limit; });
  return values.empty() ? 0 : static_cast<double>(beyond) / static_cast<double>(values.size());
}

std::vector<int64_t> histogram(std::span<const float> values, const Bins& bins) {
  std::vector<int64_t> counts(static_cast<size_t>(bins.count), 0);
  const double width = (bins.high - bins.low) / static_cast<double>(bins.count);
  for (const float v : values) {
    const double place = width > 0 ? std::floor((v - bins.low) / width) : 0;
    ++counts[static_cast<size_t>(std::clamp(place, 0.0, static_cast<double>(bins.count - 1)))];
  }
  return counts;
}

double kl_divergence(const std::vector<int64_t>& p, const std::vector<int64_t>& q) {
  if (p.size() != q.size()) {
    fail(ErrorKind::kInternal, "histograms of ", p.size(), " and ", q.size(), " bins");
  }
  double p_total = 0, q_total = 0;
  for (size_t i = 0; i < p.size(); ++i) {
    p_total += static_cast<double>(p[i]) + 0.5;
    q_total += static_cast<double>(q[i]) + 0.5;
  }
  double divergence = 0;
  for (size_t i = 0; i < p.size(); ++i) {
    const double a = (static_cast<double>(p[i]) + 0.5) / p_total;
    const double b = (static_cast<double>(q[i]) + 0.5) / q_total;
    divergence += a * std::log(a / b);
  }
  return divergence;
}

double relative_distance(std::span<const float> now, std::span<const float> before) {
  double difference = 0, norm = 0;
  for (size_t i = 0; i < std::min(now.size(), before.size()); ++i) {
    const double d = static_cast<double>(now[i]) - before[i];
    difference += d * d;
    norm += static_cast<double>(before[i]) * before[i];
  }
  return norm > 0 ? std::sqrt(difference / norm) : 0;
}

}  // namespace qprompt::study
