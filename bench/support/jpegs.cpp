#include "support/jpegs.h"

#include <jpeglib.h>
#include <cmath>
#include <cstdio>

#include "qprompt/base.h"

namespace qprompt::bench {
namespace {

constexpr int kWidth = 300, kHeight = 260, kQuality = 90;

// Waves of random direction with grain: about as much detail as a photograph.
std::vector<uint8_t> draw(Rng& rng) {
  double wave[3][4];
  for (auto& channel : wave) {
    for (double& value : channel) value = rng.uniform();
  }
  std::vector<uint8_t> rgb;
  rgb.reserve(3 * kWidth * kHeight);
  for (int y = 0; y < kHeight; ++y) {
    for (int x = 0; x < kWidth; ++x) {
      for (const auto& w : wave) {
        const double value = 128 + 80 * std::sin(0.15 * (w[0] * x + w[1] * y) + 6 * w[2]) +
                             30 * (rng.uniform() - 0.5) + 16 * w[3];
        rgb.push_back(static_cast<uint8_t>(std::min(255.0, std::max(0.0, value))));
      }
    }
  }
  return rgb;
}

std::string encode(const std::vector<uint8_t>& rgb) {
  jpeg_compress_struct jpeg{};
  jpeg_error_mgr errors{};
  jpeg.err = jpeg_std_error(&errors);
  jpeg_create_compress(&jpeg);
  unsigned char* bytes = nullptr;
  unsigned long size = 0;
  jpeg_mem_dest(&jpeg, &bytes, &size);
  jpeg.image_width = kWidth;
  jpeg.image_height = kHeight;
  jpeg.input_components = 3;
  jpeg.in_color_space = JCS_RGB;
  jpeg_set_defaults(&jpeg);
  jpeg_set_quality(&jpeg, kQuality, TRUE);
  jpeg_start_compress(&jpeg, TRUE);
  while (jpeg.next_scanline < jpeg.image_height) {
    auto* row = const_cast<JSAMPLE*>(&rgb[size_t(3) * kWidth * jpeg.next_scanline]);
    jpeg_write_scanlines(&jpeg, &row, 1);
  }
  jpeg_finish_compress(&jpeg);
  jpeg_destroy_compress(&jpeg);
  std::string out(reinterpret_cast<char*>(bytes), size);
  std::free(bytes);
  return out;
}

// "3", "14", "25", "236": lengths with a mean of 2.5.
std::string class_name(int64_t c) {
  constexpr int kLengths[] = {2, 3, 2, 3, 1, 2, 4, 3};
  std::string name = cat(1 + c % 9);
  const int length = c < 9 ? kLengths[c % 8] : std::max(2, kLengths[c % 8]);
  while (static_cast<int>(name.size()) < length) name += cat((c / 9 + 3 * name.size()) % 10);
  return name;
}

}  // namespace

Split write_images(const std::string& folder, int64_t classes, int64_t shots) {
  Rng rng(11);
  Split split{"made up", folder, {}, {}, {}, {}};
  for (int64_t c = 0; c < classes; ++c) {
    split.class_names.push_back(class_name(c));
    for (int64_t i = 0; i < shots; ++i) {
      split.train.push_back({cat(c, "-", i, ".jpg"), c});
      write_file_atomic(folder + "/" + split.train.back().path, encode(draw(rng)));
    }
  }
  return split;
}

}  // namespace qprompt::bench
