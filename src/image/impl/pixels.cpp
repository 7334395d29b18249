#include "image/impl/resample.h"

#include "base/aten.h"

namespace qprompt {

at::Tensor to_pixels(const Image& image, const Normalization& normalization) {
  image::check_inside(image, {0, 0, image.width, image.height});
  // A table a channel, in float32 and in this order, as ToTensor and Normalize compute it.
  std::array<std::array<float, 256>, 3> value;
  const auto divisor = static_cast<float>(normalization.divisor);
  for (size_t c = 0; c < 3; ++c) {
    const auto mean = static_cast<float>(normalization.mean[c]);
    const auto std = static_cast<float>(normalization.std[c]);
    for (size_t v = 0; v < 256; ++v) value[c][v] = (static_cast<float>(v) / divisor - mean) / std;
  }
  at::Tensor pixels = at::empty({3, image.height, image.width}, at::kFloat);  // (3, H, W)
  const int64_t count = image.width * image.height;
  const uint8_t* in = image.rgb.data();
  float* red = pixels.data_ptr<float>();
  float* green = red + count;
  float* blue = green + count;
  for (int64_t i = 0; i < count; ++i, in += 3) {
    red[i] = value[0][in[0]];
    green[i] = value[1][in[1]];
    blue[i] = value[2][in[2]];
  }
  return pixels;
}

}  // namespace qprompt
