#include "base/statistics.h"

#include <cmath>
#include <limits>

#include "qprompt/base.h"

namespace qprompt {
namespace {

/// The continued fraction of the incomplete beta function, by Lentz's method (Press et al.,
/// Numerical Recipes, §6.4). Converges fast for x < (a + 1) / (a + b + 2).
double beta_fraction(double a, double b, double x) {
  constexpr double kTiny = 1e-300;
  constexpr int kMost = 100'000;  // √max(a, b) terms are enough
  const auto away = [](double v) { return std::abs(v) < kTiny ? kTiny : v; };
  double c = 1, d = 1 / away(1 - (a + b) * x / (a + 1)), h = d;
  for (int m = 1; m < kMost; ++m) {
    const double even = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m));
    const double odd = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1));
    double step = 1;
    for (const double numerator : {even, odd}) {
      d = 1 / away(1 + numerator * d);
      c = away(1 + numerator / c);
      step = d * c;
      h *= step;
    }
    if (std::abs(step - 1) < std::numeric_limits<double>::epsilon()) break;
  }
  return h;
}

}  // namespace

Spread spread(std::span<const double> values) {
  Spread out;
  if (values.empty()) return out;
  const auto count = static_cast<double>(values.size());
  for (const double v : values) out.mean += v / count;
  for (const double v : values) out.deviation += (v - out.mean) * (v - out.mean) / count;
  out.deviation = std::sqrt(out.deviation);
  return out;
}

double harmonic_mean(double base, double fresh) {
  return base + fresh > 0 ? 2 * base * fresh / (base + fresh) : 0;
}

Spread harmonic_spread(std::span<const double> base, std::span<const double> fresh) {
  if (base.size() != fresh.size()) {
    fail(ErrorKind::kInternal, "H of ", base.size(), " base and ", fresh.size(), " new values");
  }
  std::vector<double> own;
  for (size_t i = 0; i < base.size(); ++i) own.push_back(harmonic_mean(base[i], fresh[i]));
  return {harmonic_mean(spread(base).mean, spread(fresh).mean), spread(own).deviation};
}

double incomplete_beta(double a, double b, double x) {
  if (x <= 0) return 0;
  if (x >= 1) return 1;
  const double front = std::exp(std::lgamma(a + b) - std::lgamma(a) - std::lgamma(b) +
                                a * std::log(x) + b * std::log1p(-x));
  if (x < (a + 1) / (a + b + 2)) return front * beta_fraction(a, b, x) / a;
  return 1 - front * beta_fraction(b, a, 1 - x) / b;
}

double student_t_two_sided(double t, double freedom) {
  return incomplete_beta(freedom / 2, 0.5, freedom / (freedom + t * t));
}

double student_t_quantile(double probability, double freedom) {
  if (!(probability > 0 && probability < 1)) {
    fail(ErrorKind::kInternal, "no quantile of t at ", probability);
  }
  if (probability < 0.5) return -student_t_quantile(1 - probability, freedom);
  const double outside = 2 * (1 - probability);  // of [−t, t]
  double low = 0, high = 1;
  while (student_t_two_sided(high, freedom) > outside) high *= 2;
  for (int i = 0; i < 200 && high - low > 1e-13 * high; ++i) {
    const double middle = (low + high) / 2;
    (student_t_two_sided(middle, freedom) > outside ? low : high) = middle;
  }
  return (low + high) / 2;
}

}  // namespace qprompt
