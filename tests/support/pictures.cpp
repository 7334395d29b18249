#include "support/pictures.h"

#include <cstdio>
// libjpeg's header needs the one above.
#include <jpeglib.h>
#include <png.h>

#include <cstdint>
#include <cstdlib>
#include <stdexcept>
#include <vector>

namespace qprompt::testing_support {
namespace {

constexpr int kPictureWidth = 40, kPictureHeight = 32;

/// RGB bytes: two slopes and a checkerboard, all of which depend on the path.
std::vector<uint8_t> picture_pixels(const std::string& path) {
  uint32_t mix = 2166136261u;
  for (const char c : path) mix = (mix ^ static_cast<uint8_t>(c)) * 16777619u;
  const uint32_t square = 2 + mix % 7;
  std::vector<uint8_t> rgb;
  for (uint32_t y = 0; y < kPictureHeight; ++y) {
    for (uint32_t x = 0; x < kPictureWidth; ++x) {
      rgb.push_back(static_cast<uint8_t>((mix >> 8) + 5 * x));
      rgb.push_back(static_cast<uint8_t>((mix >> 16) + 7 * y));
      rgb.push_back((x / square + y / square) % 2 == 0 ? 230 : static_cast<uint8_t>(mix >> 24));
    }
  }
  return rgb;
}

std::string encode_png(const std::vector<uint8_t>& rgb) {
  png_image image{};
  image.version = PNG_IMAGE_VERSION;
  image.width = kPictureWidth;
  image.height = kPictureHeight;
  image.format = PNG_FORMAT_RGB;
  std::string out(PNG_IMAGE_PNG_SIZE_MAX(image), '\0');
  png_alloc_size_t size = out.size();
  if (png_image_write_to_memory(&image, out.data(), &size, 0, rgb.data(), 0, nullptr) == 0) {
    throw std::runtime_error(image.message);
  }
  out.resize(size);
  return out;
}

std::string encode_jpeg(std::vector<uint8_t> rgb) {
  jpeg_compress_struct jpeg{};
  jpeg_error_mgr errors{};
  jpeg.err = jpeg_std_error(&errors);
  jpeg_create_compress(&jpeg);
  unsigned char* bytes = nullptr;
  unsigned long size = 0;
  jpeg_mem_dest(&jpeg, &bytes, &size);
  jpeg.image_width = kPictureWidth;
  jpeg.image_height = kPictureHeight;
  jpeg.input_components = 3;
  jpeg.in_color_space = JCS_RGB;
  jpeg_set_defaults(&jpeg);
  jpeg_start_compress(&jpeg, TRUE);
  while (jpeg.next_scanline < jpeg.image_height) {
    JSAMPLE* row = &rgb[size_t{3} * kPictureWidth * jpeg.next_scanline];
    jpeg_write_scanlines(&jpeg, &row, 1);
  }
  jpeg_finish_compress(&jpeg);
  jpeg_destroy_compress(&jpeg);
  std::string out(reinterpret_cast<char*>(bytes), size);
  std::free(bytes);
  return out;
}

}  // namespace

std::string picture_of(const std::string& path) {
  const bool png = path.size() > 4 && path.substr(path.size() - 4) == ".png";
  return png ? encode_png(picture_pixels(path)) : encode_jpeg(picture_pixels(path));
}

}  // namespace qprompt::testing_support
