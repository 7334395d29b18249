#include "quant/impl/codes.h"

#include <ATen/Parallel.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "qprompt/quant.h"

namespace qprompt::quant {
namespace {

constexpr size_t kBlock = 4096;  // 16 KiB: the second look at a block finds it in the first cache
constexpr size_t kLanes = 8;     // independent sums, which the compiler keeps in vectors

/// Sum of f(x) over the block, always in the same order.
template <class Function>
double lane_sum(const float* values, size_t count, Function f) {
  double lanes[kLanes] = {};
  size_t i = 0;
  for (; i + kLanes <= count; i += kLanes) {
    for (size_t lane = 0; lane < kLanes; ++lane) lanes[lane] += f(values[i + lane]);
  }
  for (; i < count; ++i) lanes[0] += f(values[i]);
  double total = 0;
  for (const double lane : lanes) total += lane;
  return total;
}

/// Differences from the first value make the mean of equal values exact and their spread 0.
Moments block_moments(const float* values, size_t count) {
  const double first = values[0];
  const auto n = static_cast<double>(count);
  const double mean = first + lane_sum(values, count, [=](float x) { return x - first; }) / n;
  const double spread = lane_sum(values, count, [=](float x) { return (x - mean) * (x - mean); });
  return {n, mean, spread};
}

/// Chan, Golub and LeVeque's update of mean and spread.
Moments merge(const Moments& a, const Moments& b) {
  const double count = a.count + b.count, step = b.mean - a.mean;
  return {count, a.mean + step * b.count / count,
          a.spread + b.spread + step * step * a.count * b.count / count};
}

[[noreturn]] void fail_not_finite(std::span<const float> values) {
  const auto bad =
      std::find_if(values.begin(), values.end(), [](float value) { return !std::isfinite(value); });
  fail(ErrorKind::kContent, "value ", bad - values.begin(), " of ", values.size(), " is ", *bad,
       "; only finite values can be quantized");
}

/// Counts the edges below each value; a fixed number of edges unrolls into vector comparisons.
template <size_t kEdges>
[[gnu::always_inline]] inline void count_edges(const float* values, size_t count,
                                               const float* given, uint8_t* out) {
  float edges[kEdges];  // a local copy, which stores to `out` cannot change
  std::copy(given, given + kEdges, edges);
  for (size_t i = 0; i < count; ++i) {
    int32_t code = 0;
    for (size_t e = 0; e < kEdges; ++e) code += values[i] > edges[e];
    out[i] = static_cast<uint8_t>(code);
  }
}

/// Binary search without branches over 2^steps − 1 edges.
[[gnu::always_inline]] inline void search_edges(const float* values, size_t count,
                                                const float* edges, size_t most, uint8_t* out) {
  for (size_t i = 0; i < count; ++i) {
    size_t code = 0;
    for (size_t half = (most + 1) / 2; half > 0; half /= 2) {
      code += half * static_cast<size_t>(values[i] > edges[code + half - 1]);
    }
    out[i] = static_cast<uint8_t>(code);
  }
}

[[gnu::always_inline]] inline void find_codes(const float* values, size_t count,
                                              const std::vector<float>& edges, uint8_t* out) {
  switch (edges.size()) {
    case 1:
      return count_edges<1>(values, count, edges.data(), out);
    case 3:
      return count_edges<3>(values, count, edges.data(), out);
    case 7:
      return count_edges<7>(values, count, edges.data(), out);
    case 15:
      return count_edges<15>(values, count, edges.data(), out);
    default:
      return search_edges(values, count, edges.data(), edges.size(), out);
  }
}

#if defined(__x86_64__) && defined(__GNUC__)
/// The same loops with vectors of eight; only comparisons, so the codes are the same.
[[gnu::target("avx2")]] void find_codes_avx2(const float* values, size_t count,
                                             const std::vector<float>& edges, uint8_t* out) {
  find_codes(values, count, edges, out);
}
#endif

/// The largest float that is not above: a float is above one if and only if above the other.
float floor_to_float(double value) {
  const auto rounded = static_cast<float>(value);
  return rounded > value ? std::nextafter(rounded, -std::numeric_limits<float>::infinity())
                         : rounded;
}

}  // namespace

double Moments::deviation() const { return std::sqrt(spread / count); }

Moments moments_of(std::span<const float> values) {
  if (values.empty()) fail(ErrorKind::kContent, "there are no values to quantize");
  const size_t blocks = (values.size() + kBlock - 1) / kBlock;
  std::vector<Moments> parts(blocks);
  at::parallel_for(0, static_cast<int64_t>(blocks), kGrain / kBlock, [&](int64_t from, int64_t to) {
    for (auto b = static_cast<size_t>(from); b < static_cast<size_t>(to); ++b) {
      const size_t begin = b * kBlock;
      parts[b] = block_moments(values.data() + begin, std::min(kBlock, values.size() - begin));
    }
  });
  Moments all = parts[0];
  for (size_t b = 1; b < blocks; ++b) all = merge(all, parts[b]);
  // Sums of finite floats cannot overflow a double, so this is NaN or infinity among the values.
  if (!std::isfinite(all.mean) || !std::isfinite(all.spread)) fail_not_finite(values);
  return all;
}

Coder::Coder(const std::vector<double>& centres, double scale, double shift) {
  for (const double c : centres) centres_.push_back(static_cast<float>(scale * c + shift));
  for (size_t k = 0; k + 1 < centres.size(); ++k) {
    edges_.push_back(floor_to_float(scale * ((centres[k] + centres[k + 1]) / 2) + shift));
  }
  size_t most = 1;
  while (most < edges_.size()) most = 2 * most + 1;
  edges_.resize(most, std::numeric_limits<float>::infinity());
}

void Coder::codes(const float* values, size_t count, uint8_t* out) const {
#if defined(__x86_64__) && defined(__GNUC__)
  if (__builtin_cpu_supports("avx2")) return find_codes_avx2(values, count, edges_, out);
#endif
  find_codes(values, count, edges_, out);
}

void Coder::nearest(const float* values, size_t count, float* out) const {
  uint8_t codes_of_tile[1024];
  for (size_t begin = 0; begin < count; begin += sizeof codes_of_tile) {
    const size_t n = std::min(sizeof codes_of_tile, count - begin);
    codes(values + begin, n, codes_of_tile);
    for (size_t i = 0; i < n; ++i) out[begin + i] = centres_[codes_of_tile[i]];
  }
}

}  // namespace qprompt::quant

namespace qprompt {

std::vector<uint8_t> nearest_codes(std::span<const float> values,
                                   const std::vector<double>& centres) {
  if (centres.empty() || centres.size() > 256) {
    fail(ErrorKind::kContent, centres.size(), " centres; 1 to 256 expected");
  }
  std::vector<uint8_t> codes(values.size());
  quant::Coder(centres, 1, 0).codes(values.data(), values.size(), codes.data());
  return codes;
}

}  // namespace qprompt
