#include "image/impl/resample.h"

#include <algorithm>
#include <cmath>
#include <cstring>

namespace qprompt::image {
namespace {

// A fused multiply-add could round a weight otherwise. GCC fuses none in its ISO modes.
#ifdef __clang__
#pragma STDC FP_CONTRACT OFF
#endif

// Pillow's 8-bit resampling (libImaging/Resample.c), step for step, so that every byte is the same:
// weights in double, normalised, then rounded half away from zero to integers of 22 bits.
constexpr int kWeightBits = 32 - 8 - 2;
constexpr int32_t kHalf = 1 << (kWeightBits - 1);

/// Which input samples make each output sample, and with what weights.
struct Taps {
  std::vector<int32_t> first, count;  ///< of each output sample
  std::vector<int32_t> weight;        ///< `stride` for each output sample
  size_t stride = 0;
};

/// One axis of a resize: `length` samples from `start` on, of `inputs`, become `outputs`.
struct Axis {
  int64_t inputs, start, length, outputs;
};

constexpr double kPi = 3.14159265358979323846;

/// Keys' cubic convolution kernel with a = −0.5.
double bicubic(double x) {
  constexpr double a = -0.5;
  x = std::abs(x);
  if (x < 1.0) return ((a + 2.0) * x - (a + 3.0)) * x * x + 1;
  if (x < 2.0) return (((x - 5) * x + 8) * x - 4) * a;
  return 0.0;
}

double bilinear(double x) { return std::max(0.0, 1.0 - std::abs(x)); }

double box_kernel(double x) { return x > -0.5 && x <= 0.5 ? 1.0 : 0.0; }

double hamming(double x) {
  x = std::abs(x);
  if (x == 0.0) return 1.0;
  if (x >= 1.0) return 0.0;
  x *= kPi;
  return std::sin(x) / x * (0.54 + 0.46 * std::cos(x));
}

double sinc(double x) { return x == 0.0 ? 1.0 : std::sin(x * kPi) / (x * kPi); }

double lanczos(double x) { return x >= -3.0 && x < 3.0 ? sinc(x) * sinc(x / 3) : 0.0; }

/// A filter and how far from its centre it reaches.
struct Kernel {
  double (*weight)(double);
  double support;
};

Kernel kernel_of(Resampling resampling) {
  switch (resampling) {
    case Resampling::kLanczos:
      return {lanczos, 3.0};
    case Resampling::kBilinear:
      return {bilinear, 1.0};
    case Resampling::kBox:
      return {box_kernel, 0.5};
    case Resampling::kHamming:
      return {hamming, 1.0};
    default:
      return {bicubic, 2.0};
  }
}

/// Taps for the outputs [from, from + count) of an axis.
Taps make_taps(const Axis& axis, int64_t from, int64_t count, const Kernel& kernel) {
  const double scale = static_cast<double>(axis.length) / static_cast<double>(axis.outputs);
  const double stretch = std::max(scale, 1.0);  // widens the kernel when shrinking: antialiasing
  const double support = kernel.support * stretch;
  const double inverse = 1.0 / stretch;
  Taps taps;
  taps.stride = static_cast<size_t>(std::ceil(support)) * 2 + 1;
  taps.weight.resize(static_cast<size_t>(count) * taps.stride);
  std::vector<double> exact(taps.stride);
  for (int64_t i = 0; i < count; ++i) {
    const double center =
        static_cast<double>(axis.start) + (static_cast<double>(from + i) + 0.5) * scale;
    const auto first = std::max<int64_t>(0, static_cast<int64_t>(center - support + 0.5));
    const auto last = std::min(axis.inputs, static_cast<int64_t>(center + support + 0.5));
    const auto n = static_cast<size_t>(last - first);
    double sum = 0.0;
    for (size_t t = 0; t < n; ++t) {
      const auto x = static_cast<double>(static_cast<int64_t>(t) + first);
      exact[t] = kernel.weight((x - center + 0.5) * inverse);
      sum += exact[t];
    }
    int32_t* weight = taps.weight.data() + static_cast<size_t>(i) * taps.stride;
    for (size_t t = 0; t < n; ++t) {
      const double w = (sum != 0.0 ? exact[t] / sum : exact[t]) * (1 << kWeightBits);
      weight[t] = static_cast<int32_t>(w < 0 ? w - 0.5 : w + 0.5);
    }
    taps.first.push_back(static_cast<int32_t>(first));
    taps.count.push_back(static_cast<int32_t>(n));
  }
  return taps;
}

// The two inner loops are compiled twice on x86-64, since its baseline has no 32-bit vector
// multiply; the faster one is taken when the processor has it.
#if defined(__GNUC__) && defined(__x86_64__)
#define QPROMPT_IMAGE_AVX2 1
#endif
#define QPROMPT_IMAGE_INLINE inline __attribute__((always_inline))

using Bytes = uint8_t __attribute__((vector_size(16)));
using Words = uint16_t __attribute__((vector_size(16)));
using Sums = int32_t __attribute__((vector_size(16)));

/// The four bytes at `in` as four integers.
QPROMPT_IMAGE_INLINE Sums widen(const uint8_t* in) {
  int32_t four;
  std::memcpy(&four, in, sizeof four);
  const Sums low = {four, 0, 0, 0};
  // Two interleavings with nought, one instruction each; GCC 12 makes ten of a conversion.
  const Bytes bytes = reinterpret_cast<Bytes>(low);
  const auto words = reinterpret_cast<Words>(__builtin_shufflevector(
      bytes, Bytes{}, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23));
  return reinterpret_cast<Sums>(__builtin_shufflevector(words, Words{}, 0, 8, 1, 9, 2, 10, 3, 11));
}

/// One row across: three channels and a fourth lane that is thrown away. Reads one byte past the
/// last pixel.
QPROMPT_IMAGE_INLINE void across_body(const uint8_t* row, const Taps& taps, uint8_t* out) {
  const size_t width = taps.first.size();
  for (size_t x = 0; x < width; ++x, out += 3) {
    const uint8_t* in = row + 3 * static_cast<int64_t>(taps.first[x]);
    const int32_t* weight = taps.weight.data() + x * taps.stride;
    const int32_t count = taps.count[x];
    Sums sums = {kHalf, kHalf, kHalf, kHalf};
    for (int32_t t = 0; t < count; ++t) sums += widen(in + 3 * t) * weight[t];
    sums >>= kWeightBits;
    for (int c = 0; c < 3; ++c) out[c] = static_cast<uint8_t>(std::clamp(sums[c], 0, 255));
  }
}

/// One output row from `count` input rows that lie `bytes` apart.
QPROMPT_IMAGE_INLINE void down_body(const uint8_t* rows, size_t bytes, const int32_t* weight,
                                    int32_t count, uint8_t* out) {
  constexpr size_t kBlock = 256;  // sums of one block stay in the first-level cache
  int32_t sums[kBlock];
  for (size_t from = 0; from < bytes; from += kBlock) {
    const size_t n = std::min(kBlock, bytes - from);
    std::fill_n(sums, n, kHalf);
    for (int32_t t = 0; t < count; ++t) {
      const uint8_t* in = rows + static_cast<size_t>(t) * bytes + from;
      const int32_t w = weight[t];
      for (size_t i = 0; i < n; ++i) sums[i] += in[i] * w;
    }
    for (size_t i = 0; i < n; ++i) {
      out[from + i] = static_cast<uint8_t>(std::clamp(sums[i] >> kWeightBits, 0, 255));
    }
  }
}

#ifdef QPROMPT_IMAGE_AVX2
__attribute__((target("avx2"))) void across_avx2(const uint8_t* row, const Taps& taps,
                                                 uint8_t* out) {
  across_body(row, taps, out);
}
__attribute__((target("avx2"))) void down_avx2(const uint8_t* rows, size_t bytes,
                                               const int32_t* weight, int32_t count, uint8_t* out) {
  down_body(rows, bytes, weight, count, out);
}
bool has_avx2() { return __builtin_cpu_supports("avx2"); }
#endif

void across(const uint8_t* row, const Taps& taps, uint8_t* out) {
#ifdef QPROMPT_IMAGE_AVX2
  if (has_avx2()) return across_avx2(row, taps, out);
#endif
  across_body(row, taps, out);
}

void down(const uint8_t* rows, size_t bytes, const int32_t* weight, int32_t count, uint8_t* out) {
#ifdef QPROMPT_IMAGE_AVX2
  if (has_avx2()) return down_avx2(rows, bytes, weight, count, out);
#endif
  down_body(rows, bytes, weight, count, out);
}

/// The rows [top, top + rows) of the image, resized across; 3 · taps' outputs bytes a row.
std::vector<uint8_t> resize_across(const Image& image, const Taps& taps, int64_t top,
                                   int64_t rows) {
  const int64_t bytes_in = 3 * image.width;
  const size_t bytes_out = 3 * taps.first.size();
  std::vector<uint8_t> out(static_cast<size_t>(rows) * bytes_out);
  std::vector<uint8_t> padded;  // of the image's last row, which has nothing after it to read over
  for (int64_t y = 0; y < rows; ++y) {
    const uint8_t* row = image.rgb.data() + (top + y) * bytes_in;
    if (top + y == image.height - 1) {
      padded.assign(row, row + bytes_in);
      padded.push_back(0);
      row = padded.data();
    }
    across(row, taps, out.data() + static_cast<size_t>(y) * bytes_out);
  }
  return out;
}

/// The input sample nearest to each of the outputs [from, from + count) of an axis.
std::vector<int64_t> nearest_samples(const Axis& axis, int64_t from, int64_t count) {
  const double scale = static_cast<double>(axis.length) / static_cast<double>(axis.outputs);
  std::vector<int64_t> samples;
  // Pillow adds the step up, and so its rounding too.
  double at = static_cast<double>(axis.start) + 0.5 * scale;
  for (int64_t i = 0; i < from; ++i) at += scale;
  for (int64_t i = 0; i < count; ++i, at += scale) {
    samples.push_back(std::clamp<int64_t>(static_cast<int64_t>(at), 0, axis.inputs - 1));
  }
  return samples;
}

Image pick(const Image& image, const std::vector<int64_t>& columns,
           const std::vector<int64_t>& rows) {
  Image out{static_cast<int64_t>(columns.size()), static_cast<int64_t>(rows.size()), {}};
  out.rgb.reserve(3 * columns.size() * rows.size());
  for (const int64_t y : rows) {
    for (const int64_t x : columns) {
      const uint8_t* pixel = image.rgb.data() + 3 * (y * image.width + x);
      out.rgb.insert(out.rgb.end(), pixel, pixel + 3);
    }
  }
  return out;
}

}  // namespace

void check_inside(const Image& image, const Box& box) {
  const bool sound = image.width > 0 && image.height > 0 &&
                     image.rgb.size() == static_cast<size_t>(3 * image.width * image.height);
  const bool inside = box.left >= 0 && box.top >= 0 && box.width > 0 && box.height > 0 &&
                      box.width <= image.width - box.left && box.height <= image.height - box.top;
  if (sound && inside) return;
  fail(ErrorKind::kInternal, "a box of ", box.width, " x ", box.height, " at (", box.left, ", ",
       box.top, ") was asked of a picture of ", image.width, " x ", image.height, " pixels in ",
       image.rgb.size(), " bytes");
}

Image crop(const Image& image, const Box& box) {
  check_inside(image, box);
  Image out{box.width, box.height, {}};
  out.rgb.reserve(static_cast<size_t>(3 * box.width * box.height));
  for (int64_t y = box.top; y < box.top + box.height; ++y) {
    const uint8_t* row = image.rgb.data() + 3 * (y * image.width + box.left);
    out.rgb.insert(out.rgb.end(), row, row + 3 * box.width);
  }
  return out;
}

Image resample(const Image& image, const Box& box, const Target& target, const Box& window) {
  check_inside(image, box);
  const auto [width, height, resampling] = target;
  // A side that keeps its length has weights of one and nought: the pass changes nothing.
  if (width == box.width && height == box.height) {
    return crop(image, {box.left + window.left, box.top + window.top, window.width, window.height});
  }
  const Axis width_axis{image.width, box.left, box.width, width};
  const Axis height_axis{image.height, box.top, box.height, height};
  if (resampling == Resampling::kNearest) {
    return pick(image, nearest_samples(width_axis, window.left, window.width),
                nearest_samples(height_axis, window.top, window.height));
  }
  const Kernel kernel = kernel_of(resampling);
  const Taps columns = make_taps(width_axis, window.left, window.width, kernel);
  const Taps rows = make_taps(height_axis, window.top, window.height, kernel);
  const int64_t top = rows.first.front();
  const int64_t bottom = rows.first.back() + rows.count.back();
  const std::vector<uint8_t> middle = resize_across(image, columns, top, bottom - top);
  Image out{window.width, window.height, {}};
  const auto bytes = static_cast<size_t>(3 * window.width);
  out.rgb.resize(bytes * static_cast<size_t>(window.height));
  for (size_t y = 0; y < rows.first.size(); ++y) {
    down(middle.data() + static_cast<size_t>(rows.first[y] - top) * bytes, bytes,
         rows.weight.data() + y * rows.stride, rows.count[y], out.rgb.data() + y * bytes);
  }
  return out;
}

}  // namespace qprompt::image
