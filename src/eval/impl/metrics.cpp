#include "eval/metrics.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <vector>

#include "qprompt/base.h"

namespace qprompt {
namespace {

void same_size(size_t a, size_t b, const char* what) {
  if (a != b) fail(ErrorKind::kInternal, a, " and ", b, ' ', what);
}

/// Base scores of the images that are right, ascending.
std::vector<float> scores_of_right(const OpenScores& images) {
  same_size(images.right.size(), images.base_score.size(), "results and base scores");
  std::vector<float> out;
  for (size_t i = 0; i < images.right.size(); ++i) {
    if (images.right[i] != 0) out.push_back(images.base_score[i]);
  }
  std::sort(out.begin(), out.end());
  return out;
}

}  // namespace

double macro_f1(std::span<const int64_t> truth, std::span<const int64_t> predictions) {
  same_size(truth.size(), predictions.size(), "labels and predictions");
  struct Counts {
    int64_t in_truth = 0, predicted = 0, right = 0;
  };
  std::map<int64_t, Counts> classes;
  for (size_t i = 0; i < truth.size(); ++i) {
    ++classes[truth[i]].in_truth;
    ++classes[predictions[i]].predicted;
    if (truth[i] == predictions[i]) ++classes[truth[i]].right;
  }
  double sum = 0;
  int64_t count = 0;
  for (const auto& [label, c] : classes) {
    if (c.in_truth == 0) continue;
    sum += 2 * double(c.right) / double(c.in_truth + c.predicted);
    ++count;
  }
  return count == 0 ? 0 : 100 * sum / double(count);
}

double calibration_error(std::span<const float> confidences, std::span<const uint8_t> right,
                         int64_t bins) {
  same_size(confidences.size(), right.size(), "confidences and results");
  std::vector<double> gap(static_cast<size_t>(bins), 0);  // Σ right − Σ confidence of each bin
  for (size_t i = 0; i < right.size(); ++i) {
    const double bin = std::ceil(double(confidences[i]) * double(bins)) - 1;
    gap[static_cast<size_t>(std::clamp(bin, 0.0, double(bins - 1)))] +=
        double(right[i]) - double(confidences[i]);
  }
  double sum = 0;
  for (const double g : gap) sum += std::abs(g);
  return right.empty() ? 0 : 100 * sum / double(right.size());
}

double openworld_auc(const OpenScores& base, const OpenScores& fresh) {
  const std::vector<float> high = scores_of_right(base), low = scores_of_right(fresh);
  double pairs = 0;
  for (const float score : high) {
    const auto [first, last] = std::equal_range(low.begin(), low.end(), score);
    pairs += double(first - low.begin()) + 0.5 * double(last - first);
  }
  const double all = double(base.right.size()) * double(fresh.right.size());
  return all > 0 ? 100 * pairs / all : 0;
}

}  // namespace qprompt
