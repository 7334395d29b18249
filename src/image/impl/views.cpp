#include <algorithm>
#include <cmath>

#include "image/impl/resample.h"

namespace qprompt {
namespace {

void check_size(int64_t width, int64_t height) {
  constexpr int64_t kMaxSide = 1 << 24;
  if (width >= 1 && height >= 1 && width <= kMaxSide && height <= kMaxSide) return;
  fail(ErrorKind::kUsage, "pictures cannot be resized to ", width, " x ", height,
       " pixels; a side has 1 to ", kMaxSide);
}

/// round(n / 2) as Python rounds: halves go to the even neighbour. n >= 0.
int64_t half_to_even(int64_t n) {
  const int64_t down = n / 2;
  return n % 2 == 0 ? down : down + down % 2;
}

Box whole(const Image& image) { return {0, 0, image.width, image.height}; }

int64_t python_round(double x) { return static_cast<int64_t>(std::nearbyint(x)); }

/// torchvision's `RandomResizedCrop.get_params` (scale 0.08 to 1, ratio 3/4 to 4/3). Each try draws
/// the area, then the logarithm of the ratio; the try that fits then draws top, then left.
Box draw_crop(const Image& image, Rng& rng) {
  constexpr double kMinScale = 0.08, kMaxScale = 1.0, kMinRatio = 3.0 / 4.0, kMaxRatio = 4.0 / 3.0;
  constexpr int kTries = 10;
  const int64_t width = image.width, height = image.height;
  const double area = static_cast<double>(width) * static_cast<double>(height);
  const double low = std::log(kMinRatio), high = std::log(kMaxRatio);
  for (int i = 0; i < kTries; ++i) {
    const double target = area * (kMinScale + (kMaxScale - kMinScale) * rng.uniform());
    const double ratio = std::exp(low + (high - low) * rng.uniform());
    const int64_t w = python_round(std::sqrt(target * ratio));
    const int64_t h = python_round(std::sqrt(target / ratio));
    if (w < 1 || h < 1 || w > width || h > height) continue;
    const int64_t top = rng.below(height - h + 1);
    const int64_t left = rng.below(width - w + 1);
    return {left, top, w, h};
  }
  const double ratio = static_cast<double>(width) / static_cast<double>(height);
  int64_t w = width, h = height;
  if (ratio < kMinRatio) h = python_round(static_cast<double>(width) / kMinRatio);
  if (ratio > kMaxRatio) w = python_round(static_cast<double>(height) * kMaxRatio);
  return {(width - w) / 2, (height - h) / 2, w, h};
}

void flip_horizontally(Image& image) {
  for (int64_t y = 0; y < image.height; ++y) {
    uint8_t* row = image.rgb.data() + 3 * y * image.width;
    for (int64_t l = 0, r = image.width - 1; l < r; ++l, --r) {
      std::swap_ranges(row + 3 * l, row + 3 * l + 3, row + 3 * r);
    }
  }
}

}  // namespace

Image resize_bicubic(const Image& image, const Box& box, int64_t width, int64_t height) {
  check_size(width, height);
  return image::resample(image, box, {width, height}, {0, 0, width, height});
}

Image resize(const Image& image, const Box& box, int64_t width, int64_t height,
             Resampling resampling) {
  check_size(width, height);
  return image::resample(image, box, {width, height, resampling}, {0, 0, width, height});
}

Image test_view(const Image& image, int64_t size, const TestTransform& transform) {
  check_size(size, size);
  image::check_inside(image, whole(image));
  const auto& [resampling, squash, side] = transform;
  if (squash) {
    return image::resample(image, whole(image), {size, size, resampling}, {0, 0, size, size});
  }
  const int64_t shorter = std::min(image.width, image.height);
  const int64_t resized = std::max(side, size);
  const int64_t width = resized * image.width / shorter;
  const int64_t height = resized * image.height / shorter;
  const Box center{half_to_even(width - size), half_to_even(height - size), size, size};
  return image::resample(image, whole(image), {width, height, resampling}, center);
}

Image train_view(const Image& image, int64_t size, Rng& rng) {
  check_size(size, size);
  image::check_inside(image, whole(image));
  // Cut out first: a resize with a box would let the pixels around it bleed in.
  const Image part = image::crop(image, draw_crop(image, rng));
  Image view = image::resample(part, whole(part), {size, size}, {0, 0, size, size});
  if (rng.uniform() < 0.5) flip_horizontally(view);
  return view;
}

}  // namespace qprompt
