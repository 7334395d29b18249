#include <png.h>

#include <algorithm>
#include <csetjmp>
#include <cstdio>
#include <cstring>

#include "image/impl/codec.h"

namespace qprompt::image {
namespace {

/// libpng's state over bytes in memory. libpng reports errors by a jump, which skips destructors:
/// every call to it goes through `run`, whose steps own nothing.
struct PngReader {
  png_structp png = nullptr;
  png_infop info = nullptr;
  std::string_view rest;
  bool truncated = false;
  std::jmp_buf jump{};
  char message[128] = "";

  PngReader() = default;
  PngReader(const PngReader&) = delete;
  PngReader& operator=(const PngReader&) = delete;
  ~PngReader() { png_destroy_read_struct(&png, &info, nullptr); }
};

[[noreturn]] void on_error(png_structp png, png_const_charp message) {
  auto& reader = *static_cast<PngReader*>(png_get_error_ptr(png));
  std::snprintf(reader.message, sizeof reader.message, "%s", message);
  std::longjmp(reader.jump, 1);
}

void on_warning(png_structp, png_const_charp) {}

void on_read(png_structp png, png_bytep target, size_t count) {
  auto& reader = *static_cast<PngReader*>(png_get_io_ptr(png));
  if (count > reader.rest.size()) {
    reader.truncated = true;
    png_error(png, "the file ends early");
  }
  std::memcpy(target, reader.rest.data(), count);
  reader.rest.remove_prefix(count);
}

/// Runs `step`, which must own nothing that a jump would skip; turns libpng's errors into ours.
template <class Step>
void run(PngReader& reader, const Source& source, Step step) {
  if (setjmp(reader.jump) == 0) return step();
  if (reader.truncated) fail_truncated(source, "PNG");
  fail_broken(source, "PNG", reader.message);
}

void open(PngReader& reader, const Limits& limits) {
  reader.png = png_create_read_struct(PNG_LIBPNG_VER_STRING, &reader, on_error, on_warning);
  if (reader.png != nullptr) reader.info = png_create_info_struct(reader.png);
  if (reader.info == nullptr) {
    std::snprintf(reader.message, sizeof reader.message, "libpng cannot be started");
    std::longjmp(reader.jump, 1);
  }
  png_structp png = reader.png;
  png_set_read_fn(png, &reader, on_read);
  const int64_t side = std::min<int64_t>(limits.max_side, PNG_UINT_31_MAX);
  png_set_user_limits(png, static_cast<png_uint_32>(side), static_cast<png_uint_32>(side));
  // Text, colour profiles and transparency do not change the pixels that are wanted, and compressed
  // ones can grow a thousandfold: they are skipped unread.
  png_set_keep_unknown_chunks(png, PNG_HANDLE_CHUNK_NEVER, nullptr, -1);
  constexpr png_byte kTransparency[] = "tRNS";
  png_set_keep_unknown_chunks(png, PNG_HANDLE_CHUNK_NEVER, kTransparency, 1);
}

/// Asks libpng for what Pillow's modes hold: the high byte of 16 bits, alpha dropped, few-bit grey
/// spread over 0 to 255. Grey of 16 bits stays as it is. True when that is so.
bool set_transforms(PngReader& reader) {
  png_structp png = reader.png;
  const int type = png_get_color_type(png, reader.info);
  const int depth = png_get_bit_depth(png, reader.info);
  const bool wide_grey = type == PNG_COLOR_TYPE_GRAY && depth == 16;
  if (type == PNG_COLOR_TYPE_PALETTE) png_set_palette_to_rgb(png);
  if (type == PNG_COLOR_TYPE_GRAY && depth < 8) png_set_expand_gray_1_2_4_to_8(png);
  if (depth == 16 && !wide_grey) png_set_strip_16(png);
  if ((type & PNG_COLOR_MASK_ALPHA) != 0) png_set_strip_alpha(png);
  if ((type & PNG_COLOR_MASK_COLOR) == 0 && !wide_grey) png_set_gray_to_rgb(png);
  return wide_grey;
}

/// Pillow holds 16-bit grey as integers and cuts them off at 255 instead of scaling them, so that a
/// picture of the full range comes out nearly white. Works in place, from the row's end: big-endian
/// pairs at 2x become triples at 3x.
void clip_wide_grey(uint8_t* row, int64_t width) {
  for (int64_t x = width - 1; x >= 0; --x) {
    const uint8_t value = row[2 * x] == 0 ? row[2 * x + 1] : 255;
    std::fill_n(row + 3 * x, 3, value);
  }
}

uint32_t big_endian(std::string_view bytes, size_t at) {
  uint32_t value = 0;
  for (size_t i = 0; i < 4; ++i) value = value << 8 | static_cast<uint8_t>(bytes[at + i]);
  return value;
}

}  // namespace

Extent png_extent(const Source& source) {
  constexpr size_t kHeaderBytes = 33;  // signature, then IHDR with its length, name and checksum
  if (source.bytes.size() < kHeaderBytes) fail_truncated(source, "PNG");
  if (source.bytes.substr(12, 4) != "IHDR") fail_broken(source, "PNG", "no IHDR chunk at its head");
  return {big_endian(source.bytes, 16), big_endian(source.bytes, 20)};
}

Raster decode_png(const Source& source, const Limits& limits) {
  Raster raster;
  raster.extent = png_extent(source);
  check_extent(source, raster.extent, limits);
  PngReader reader;
  reader.rest = source.bytes;
  const int64_t width = raster.extent.width, height = raster.extent.height;
  bool wide_grey = false;
  int passes = 1;
  run(reader, source, [&] {
    open(reader, limits);
    png_read_info(reader.png, reader.info);
    wide_grey = set_transforms(reader);
    passes = png_set_interlace_handling(reader.png);
    png_read_update_info(reader.png, reader.info);
    const size_t row_bytes = static_cast<size_t>((wide_grey ? 2 : 3) * width);
    if (png_get_rowbytes(reader.png, reader.info) != row_bytes) {
      png_error(reader.png, "rows of an unexpected length");
    }
  });
  raster.rgb.resize(static_cast<size_t>(3 * width * height));
  run(reader, source, [&] {
    for (int pass = 0; pass < passes; ++pass) {
      for (int64_t y = 0; y < height; ++y) {
        png_read_row(reader.png, raster.rgb.data() + 3 * width * y, nullptr);
      }
    }
  });
  if (wide_grey) {
    for (int64_t y = 0; y < height; ++y) clip_wide_grey(raster.rgb.data() + 3 * width * y, width);
  }
  return raster;
}

}  // namespace qprompt::image
