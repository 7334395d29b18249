// Summaries of numbers over seeds, draws and classes.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace qprompt {

/// Mean and population standard deviation.
struct Spread {
  double mean = 0, deviation = 0;
};
Spread spread(std::span<const double> values);
inline Spread spread(const std::vector<double>& values) {
  return spread(std::span<const double>(values));
}

/// 2bn / (b + n), 0 when both are 0.
double harmonic_mean(double base, double fresh);
/// H of an average: the harmonic mean of the means; its deviation is that of the pairs' own H.
/// Throws kInternal on lists of different lengths.
Spread harmonic_spread(std::span<const double> base, std::span<const double> fresh);

/// P(|T| ≥ |t|) of Student's distribution with `freedom` > 0 degrees of freedom.
double student_t_two_sided(double t, double freedom);
/// The t with P(T ≤ t) = `probability`, which lies strictly between 0 and 1.
double student_t_quantile(double probability, double freedom);
/// The regularized incomplete beta function I_x(a, b), a and b > 0, x in [0, 1].
double incomplete_beta(double a, double b, double x);

}  // namespace qprompt
