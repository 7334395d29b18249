// The dynamic programme of the 1-D k-means: D_k[j] = min_i D_{k-1}[i] + cost(i, j), where cost(i,
// j) is the inertia of the points i … j-1 around their mean. The cost fulfils the quadrangle
// inequality, so the best i never falls when j or k grows (Yao, 1980). The first layers, where the
// layer before says little, divide and conquer over j; later ones take one j after the other
// between its neighbour's best i and the previous layer's. Together they look at about N (4 K + 20
// log N).
#include <algorithm>

#include "quant/impl/kmeans.h"

namespace qprompt::quant {
namespace {

/// Weight, Σ w x and Σ w x² of the points before an index.
struct Prefix {
  double weight = 0, sum = 0, square = 0;
};

/// Prefix sums that start from the middle and grow outwards, of positions relative to the middle
/// one: an outlier at one end then costs no digits in the groups that do not hold it.
std::vector<Prefix> prefix_sums(const Points& points) {
  const size_t n = points.size(), middle = n / 2;
  const double origin = points.position[middle];
  std::vector<Prefix> sums(n + 1);
  const auto term = [&](size_t i, double sign, const Prefix& from) {
    const double x = points.position[i] - origin, w = sign * points.weight[i];
    return Prefix{from.weight + w, from.sum + w * x, from.square + w * x * x};
  };
  for (size_t i = middle; i < n; ++i) sums[i + 1] = term(i, 1, sums[i]);
  for (size_t i = middle; i > 0; --i) sums[i - 1] = term(i - 1, -1, sums[i]);
  return sums;
}

constexpr size_t kSweepFrom = 16;  // measured: fewest looks for 2,048 and for 16,384 points

class Partition {
 public:
  explicit Partition(const Points& points) : n_(points.size()), sums_(prefix_sums(points)) {}

  std::vector<size_t> solve(size_t k) {
    previous_.resize(n_ + 1);
    current_.resize(n_ + 1);
    for (size_t j = 1; j <= n_; ++j) previous_[j] = cost(0, j);
    best_.assign(k, {});
    best_[0].assign(n_ + 1, 0);
    for (size_t layer = 1; layer + 1 < k; ++layer) {
      best_[layer].resize(n_ + 1);
      layer_ = layer;
      // The last group must leave at least one point to each group after it.
      const size_t last = n_ - (k - 1 - layer);
      layer < kSweepFrom ? divide(layer + 1, last, layer, n_ - 1) : sweep(last);
      std::swap(previous_, current_);
    }
    std::vector<size_t> cuts(k + 1);
    cuts[k] = n_;
    for (size_t layer = k - 1; layer > 0; --layer) {
      cuts[layer] = layer + 1 == k ? scan(n_, layer, n_ - 1).index : best_[layer][cuts[layer + 1]];
    }
    return cuts;
  }

 private:
  struct Choice {
    size_t index;
    double value;
  };

  double cost(size_t i, size_t j) const {
    const Prefix &a = sums_[i], &b = sums_[j];
    const double sum = b.sum - a.sum;
    return std::max(0.0, b.square - a.square - sum * sum / (b.weight - a.weight));
  }

  /// The first best start in [low, high] of a group that ends before j.
  Choice scan(size_t j, size_t low, size_t high) const {
    Choice choice{low, previous_[low] + cost(low, j)};
    for (size_t i = low + 1; i <= high; ++i) {
      const double value = previous_[i] + cost(i, j);
      if (value < choice.value) choice = {i, value};
    }
    return choice;
  }

  /// Finds D of this layer for j, whose best start lies in [low, high]; gives that start.
  size_t settle(size_t j, size_t low, size_t high) {
    const size_t top = std::min(high, j - 1);
    // `min`: rounding can make equal costs differ by a hair and the two bounds cross.
    const size_t bottom = std::min(top, std::max(low, size_t{best_[layer_ - 1][j]}));
    const Choice choice = scan(j, bottom, top);
    current_[j] = choice.value;
    best_[layer_][j] = static_cast<uint32_t>(choice.index);
    return choice.index;
  }

  void divide(size_t first, size_t last, size_t low, size_t high) {
    if (first > last) return;
    const size_t j = first + (last - first) / 2;
    const size_t best = settle(j, low, high);
    divide(first, j - 1, low, best);
    divide(j + 1, last, best, high);
  }

  void sweep(size_t last) {
    size_t high = n_ - 1;
    for (size_t j = last; j > layer_; --j) high = settle(j, layer_, high);
  }

  size_t n_;
  size_t layer_ = 0;
  std::vector<Prefix> sums_;
  std::vector<double> previous_, current_;   // D of the layer before and of this one
  std::vector<std::vector<uint32_t>> best_;  // layer, j → the best start of the last group
};

}  // namespace

std::vector<size_t> best_cuts(const Points& points, size_t k) {
  if (k == 1) return {0, points.size()};
  return Partition(points).solve(k);
}

}  // namespace qprompt::quant
