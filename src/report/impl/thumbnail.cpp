#include "report/impl/thumbnail.h"

#include <algorithm>
#include <csetjmp>
#include <cstdio>
#include <cstdlib>
// jpeglib.h needs FILE and size_t from the lines above.
#include <jpeglib.h>

#include "qprompt/image.h"

namespace qprompt::report {
namespace {

constexpr int kQuality = 75;

std::string encode_jpeg(const Image& image) {
  jpeg_compress_struct jpeg{};
  jpeg_error_mgr errors{};
  jpeg.err = jpeg_std_error(&errors);
  jpeg_create_compress(&jpeg);
  unsigned char* bytes = nullptr;
  unsigned long size = 0;  // NOLINT: libjpeg's type
  jpeg_mem_dest(&jpeg, &bytes, &size);
  jpeg.image_width = static_cast<JDIMENSION>(image.width);
  jpeg.image_height = static_cast<JDIMENSION>(image.height);
  jpeg.input_components = 3;
  jpeg.in_color_space = JCS_RGB;
  jpeg_set_defaults(&jpeg);
  jpeg_set_quality(&jpeg, kQuality, TRUE);
  jpeg_start_compress(&jpeg, TRUE);
  while (jpeg.next_scanline < jpeg.image_height) {
    const size_t at = size_t(jpeg.next_scanline) * size_t(image.width) * 3;
    JSAMPROW row = const_cast<uint8_t*>(image.rgb.data() + at);
    jpeg_write_scanlines(&jpeg, &row, 1);
  }
  jpeg_finish_compress(&jpeg);
  std::string out(reinterpret_cast<const char*>(bytes), size);
  jpeg_destroy_compress(&jpeg);
  std::free(bytes);
  return out;
}

}  // namespace

std::string base64(const std::string& bytes) {
  constexpr char kLetters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string out;
  for (size_t i = 0; i < bytes.size(); i += 3) {
    uint32_t three = 0;
    for (size_t j = 0; j < 3; ++j) {
      three = three << 8 | (i + j < bytes.size() ? static_cast<unsigned char>(bytes[i + j]) : 0u);
    }
    for (size_t j = 0; j < 4; ++j) {
      out += i + j <= bytes.size() ? kLetters[three >> (18 - 6 * j) & 63] : '=';
    }
  }
  return out;
}

std::string thumbnail(const std::string& path, int64_t side) {
  try {
    const Image image = read_image(path, {});
    const int64_t cut = std::min(image.width, image.height);
    const Box middle{(image.width - cut) / 2, (image.height - cut) / 2, cut, cut};
    return "data:image/jpeg;base64," +
           base64(encode_jpeg(resize_bicubic(image, middle, side, side)));
  } catch (const Error&) {
    return "";
  }
}

}  // namespace qprompt::report
