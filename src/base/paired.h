// Two methods compared on what they share: the same draws, the same images.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace qprompt {

struct Interval {
  double low = 0, high = 0;
};

/// The paired t test of two methods over draws (Student 1908), differences being second − first.
struct PairedT {
  int64_t pairs = 0;
  double mean = 0;       ///< of the differences
  double deviation = 0;  ///< of the differences, of a sample (n − 1)
  double t = 0;          ///< infinite where all differences are one and not zero
  double p = 1;          ///< two-sided
  Interval interval;     ///< of the mean difference, at `level`
  /// The true difference that this many draws of this spread would show, at this level, in four of
  /// five repeats: (t_level + t_0.8)·deviation / √n. Smaller ones could not be seen.
  double visible = 0;
};
/// Throws kInternal on lists of different lengths or of fewer than two values.
PairedT paired_t(std::span<const double> first, std::span<const double> second,
                 double level = 0.95);

/// McNemar's exact test of two classifiers on the same images (McNemar 1947): among the images
/// that only one of them has right, each would be as often that one.
struct McNemar {
  int64_t only_first = 0, only_second = 0;
  double p = 1;  ///< two-sided, binomial
};
McNemar mcnemar(std::span<const uint8_t> first, std::span<const uint8_t> second);

/// Right (1) or wrong (0) of two methods on one test list: draws × images, the same images for
/// both.
struct PairedHits {
  std::vector<std::vector<uint8_t>> first, second;
};
struct Bootstrap {
  int64_t resamples = 2000;
  double level = 0.95;
  uint64_t seed = 1;
  bool draws = true, images = true;  ///< what is drawn again
};
/// Percentile intervals (Efron 1979) of the difference second − first in percent: of each list's
/// accuracy, then, of two lists, of H of the mean accuracies. Draws are drawn again once for all
/// lists, images once a list, for both methods alike. Throws kInternal where shapes differ or
/// something is empty.
std::vector<Interval> paired_bootstrap(const std::vector<PairedHits>& lists,
                                       const Bootstrap& bootstrap);

}  // namespace qprompt
