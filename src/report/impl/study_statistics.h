// What is said of a set of values. Private to the room.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace qprompt::study {

/// Population mean and variance.
struct Moments {
  double mean = 0, variance = 0;
};
Moments moments(std::span<const float> values);

/// (W − μ) / σ; zeros where all values are equal.
std::vector<float> normalised(std::span<const float> values);

/// Share of the values with |x − μ| > k·σ.
double share_beyond(std::span<const float> values, double k);

/// An interval cut into equal bins.
struct Bins {
  double low = 0, high = 1;
  int64_t count = 1;
};
/// Values in each bin [edge, next edge); the last holds its upper edge too. Values outside of the
/// interval count in the bin at that end.
std::vector<int64_t> histogram(std::span<const float> values, const Bins& bins);

/// KL(p ‖ q) in nats of two histograms over the same bins, half a count added to every bin of
/// both, as the re-clustering schedule compares its codes.
double kl_divergence(const std::vector<int64_t>& p, const std::vector<int64_t>& q);

/// ‖now − before‖ / ‖before‖.
double relative_distance(std::span<const float> now, std::span<const float> before);

}  // namespace qprompt::study
