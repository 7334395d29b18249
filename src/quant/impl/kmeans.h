// Private to `quant`: the parts of the 1-D k-means. Standard library only.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "qprompt/quant.h"

namespace qprompt::quant {

/// Up to this many distinct values the fit is exact; more are first put into as many cells at most.
inline constexpr size_t kExactPoints = 16384;

/// `fit_codebook` with another limit than `kExactPoints`; 1 <= k <= 256 centres.
Codebook fit_centres(std::span<const float> values, size_t k, size_t exact_points);

/// The values ascending, −0 as +0. Throws kContent on NaN, infinity or an empty input.
std::vector<float> sorted_values(std::span<const float> values);

/// Ascending positions on the line, each with a weight (how many values it stands for).
struct Points {
  std::vector<double> position, weight;

  size_t size() const { return position.size(); }
};

/// Cuts the points into k consecutive groups with the least weighted inertia, 1 <= k <= size().
/// Gives k + 1 indices, from 0 to size(): group g is [cuts[g], cuts[g + 1]).
std::vector<size_t> best_cuts(const Points& points, size_t k);

}  // namespace qprompt::quant
