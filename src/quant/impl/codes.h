// Private to `quant`: from values to codes and back, over many values at a time.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace qprompt::quant {

/// Count, mean and Σ (x − mean)² of some values; `spread` is 0 if and only if all are equal.
struct Moments {
  double count = 0, mean = 0, spread = 0;

  /// Population standard deviation (ddof 0): W is all there is, not a sample of something.
  double deviation() const;
};
/// Not dependent on the number of threads. Throws kContent on NaN, infinity or an empty input.
Moments moments_of(std::span<const float> values);

/// Finds the nearest of at most 256 ascending centres c, seen as scale · c + shift; ties go to the
/// lower one. All methods are serial over a range and agree with one another.
class Coder {
 public:
  Coder(const std::vector<double>& centres, double scale, double shift);

  void codes(const float* values, size_t count, uint8_t* out) const;
  /// The nearest centre itself, denormalised, of each value.
  void nearest(const float* values, size_t count, float* out) const;
  /// Denormalised centres, as `nearest` gives them.
  const std::vector<float>& centres() const { return centres_; }

 private:
  std::vector<float> centres_;
  std::vector<float> edges_;  // code = how many edges lie below the value; padded with infinity
};

/// Values that one task of the parallel loops takes.
inline constexpr int64_t kGrain = 1 << 16;

}  // namespace qprompt::quant
