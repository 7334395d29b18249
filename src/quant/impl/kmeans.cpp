// Optimal 1-D k-means. Few distinct values: exact. Many: the sorted values are put into cells, half
// of them equally wide and half equally full; the best cuts at cell edges are found exactly, and
// Lloyd's iteration on all values moves each cut within its neighbourhood. Cells that divide each
// of the groups so found then give finer cuts where they matter, whatever the tails are like.
#include "quant/impl/kmeans.h"

#include <algorithm>
#include <cmath>

namespace qprompt::quant {
namespace {

constexpr int kLloydRounds = 100;  // it ends after a few; this only bounds the time

/// Distinct values with their counts; stops, and gives nothing, when there are more than `most`.
Points distinct_points(const std::vector<float>& sorted, size_t most) {
  Points points;
  for (size_t i = 0; i < sorted.size();) {
    if (points.size() == most) return {};
    size_t end = i + 1;
    while (end < sorted.size() && sorted[end] == sorted[i]) ++end;
    points.position.push_back(sorted[i]);
    points.weight.push_back(static_cast<double>(end - i));
    i = end;
  }
  return points;
}

/// Sorted values in cells, with the sums that Lloyd's iteration asks for.
class Cells {
 public:
  /// Divides each group between `cuts` into the same number of cells, `most` in all at most.
  Cells(const std::vector<float>& sorted, const std::vector<size_t>& cuts, size_t most)
      : sorted_(sorted), origin_(sorted[sorted.size() / 2]) {
    const size_t parts = std::max<size_t>(1, most / (2 * (cuts.size() - 1)));
    for (size_t g = 0; g + 1 < cuts.size(); ++g) divide(cuts[g], cuts[g + 1], parts);
    edges_.push_back(sorted.size());
    std::sort(edges_.begin(), edges_.end());
    edges_.erase(std::unique(edges_.begin(), edges_.end()), edges_.end());
    sums_.assign(edges_.size(), 0);
    for (size_t c = 0; c + 1 < edges_.size(); ++c) {
      sums_[c + 1] = sums_[c] + plain_sum(edges_[c], edges_[c + 1]);
    }
  }

  Points points() const {
    Points points;
    for (size_t c = 0; c + 1 < edges_.size(); ++c) {
      const auto count = static_cast<double>(edges_[c + 1] - edges_[c]);
      points.position.push_back(origin_ + (sums_[c + 1] - sums_[c]) / count);
      points.weight.push_back(count);
    }
    return points;
  }

  size_t edge(size_t cell) const { return edges_[cell]; }

  /// Mean of the values [begin, end), begin < end.
  double mean(size_t begin, size_t end) const {
    return origin_ + (sum_before(end) - sum_before(begin)) / static_cast<double>(end - begin);
  }

 private:
  void divide(size_t begin, size_t end, size_t parts) {
    const double low = sorted_[begin], width = (sorted_[end - 1] - low) / double(parts);
    const auto from = sorted_.begin() + static_cast<std::ptrdiff_t>(begin);
    const auto to = sorted_.begin() + static_cast<std::ptrdiff_t>(end);
    for (size_t i = 0; i < parts; ++i) {
      edges_.push_back(begin + i * (end - begin) / parts);
      const auto wide = std::lower_bound(from, to, low + width * double(i));
      edges_.push_back(static_cast<size_t>(wide - sorted_.begin()));
    }
  }
  double plain_sum(size_t begin, size_t end) const {
    double sum = 0;
    for (size_t i = begin; i < end; ++i) sum += sorted_[i] - origin_;
    return sum;
  }
  double sum_before(size_t index) const {
    const size_t cell = static_cast<size_t>(std::upper_bound(edges_.begin(), edges_.end(), index) -
                                            edges_.begin() - 1);
    return sums_[cell] + plain_sum(edges_[cell], index);
  }

  const std::vector<float>& sorted_;
  double origin_;
  std::vector<size_t> edges_;  // cell c is [edges_[c], edges_[c + 1])
  std::vector<double> sums_;   // of value − origin before each edge
};

/// Moves the cuts to the middles between the means, and the means with them, until nothing moves.
void lloyd(const std::vector<float>& sorted, const Cells& cells, std::vector<size_t>& cuts) {
  for (int round = 0; round < kLloydRounds; ++round) {
    std::vector<size_t> next = cuts;
    for (size_t g = 1; g + 1 < cuts.size(); ++g) {
      const double middle =
          (cells.mean(cuts[g - 1], cuts[g]) + cells.mean(cuts[g], cuts[g + 1])) / 2;
      const auto at = std::upper_bound(sorted.begin(), sorted.end(), middle);
      next[g] = static_cast<size_t>(at - sorted.begin());
    }
    // A group that holds two far clumps can lose both to its neighbours: then the last cuts stay.
    const bool emptied = std::adjacent_find(next.begin(), next.end()) != next.end();
    if (next == cuts || emptied) return;
    cuts = std::move(next);
  }
}

/// Mean of the groups and Σ (x − mean)², each from the values themselves, for full precision.
Codebook measured(const Points& points, const std::vector<size_t>& cuts) {
  Codebook book;
  for (size_t g = 0; g + 1 < cuts.size(); ++g) {
    const double origin = points.position[cuts[g]];
    double sum = 0, weight = 0;
    for (size_t i = cuts[g]; i < cuts[g + 1]; ++i) {
      sum += points.weight[i] * (points.position[i] - origin);
      weight += points.weight[i];
    }
    const double centre = origin + sum / weight;
    for (size_t i = cuts[g]; i < cuts[g + 1]; ++i) {
      const double d = points.position[i] - centre;
      book.inertia += points.weight[i] * d * d;
    }
    book.centres.push_back(centre);
  }
  return book;
}

/// The best cuts into k groups at the edges of cells that divide the given groups, then Lloyd's.
std::vector<size_t> refined_cuts(const std::vector<float>& sorted, const std::vector<size_t>& given,
                                 size_t k, size_t most) {
  const Cells cells(sorted, given, most);
  std::vector<size_t> cuts = best_cuts(cells.points(), k);
  for (size_t& cut : cuts) cut = cells.edge(cut);
  lloyd(sorted, cells, cuts);
  return cuts;
}

/// Σ f(x), four sums at a time, or the additions wait for one another.
template <class Function>
double lane_sum(std::span<const float> values, Function f) {
  double lanes[4] = {};
  for (size_t i = 0; i < values.size(); ++i) lanes[i % 4] += f(values[i]);
  return (lanes[0] + lanes[1]) + (lanes[2] + lanes[3]);
}

Codebook fit_many(const std::vector<float>& sorted, size_t k, size_t most) {
  std::vector<size_t> cuts = refined_cuts(sorted, {0, sorted.size()}, k, most);
  cuts = refined_cuts(sorted, cuts, k, most);
  Codebook book;
  for (size_t g = 0; g < k; ++g) {
    const std::span<const float> group(&sorted[cuts[g]], cuts[g + 1] - cuts[g]);
    const double origin = group[0];
    const double rest = lane_sum(group, [=](float x) { return x - origin; });
    const double centre = origin + rest / static_cast<double>(group.size());
    book.inertia += lane_sum(group, [=](float x) { return (x - centre) * (x - centre); });
    book.centres.push_back(centre);
  }
  return book;
}

}  // namespace

Codebook fit_centres(std::span<const float> values, size_t k, size_t exact_points) {
  const std::vector<float> sorted = sorted_values(values);
  const Points points = distinct_points(sorted, exact_points);
  if (points.size() == 0) return fit_many(sorted, k, exact_points);
  if (points.size() <= k) return {points.position, 0};
  return measured(points, best_cuts(points, k));
}

}  // namespace qprompt::quant

namespace qprompt {

Codebook fit_codebook(std::span<const float> values, int64_t bits) {
  if (bits < 1 || bits > 8)
    fail(ErrorKind::kContent, "a codebook of ", bits, " bits; 1 to 8 expected");
  return quant::fit_centres(values, size_t{1} << bits, quant::kExactPoints);
}

}  // namespace qprompt
