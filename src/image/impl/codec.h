// The codecs behind `decode_image`, one a format. Nothing here includes LibTorch or a codec's own
// header, so that neither reaches the files of the other.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "qprompt/base.h"

namespace qprompt::image {

enum class Format { kUnknown, kJpeg, kPng, kWebp, kGif, kBmp, kTiff, kPnm, kHeif };

/// A file in memory and the name it has in messages.
struct Source {
  std::string_view bytes;
  std::string_view name;
};

/// What a header may declare, and what decoding may cost.
struct Limits {
  int64_t max_side = 0;    ///< largest width or height, pixels
  int64_t max_pixels = 0;  ///< largest width · height
  int64_t max_bytes = 0;   ///< memory that decoding may take, the picture included
  int64_t max_work = 0;    ///< pixels that may be gone over, all passes counted
};

struct Extent {
  int64_t width = 0, height = 0;
};

/// 8-bit RGB, rows from the top, no padding.
struct Raster {
  Extent extent;
  std::vector<uint8_t> rgb;
};

/// The format that the first bytes announce.
Format sniff(std::string_view bytes);

/// Throws kContent when the size is zero or over the limits.
void check_extent(const Source& source, const Extent& extent, const Limits& limits);
/// Throws kContent when decoding would take more memory than the limits allow.
void check_memory(const Source& source, int64_t bytes, const Limits& limits);
/// Throws kContent: the file ends early.
[[noreturn]] void fail_truncated(const Source& source, std::string_view format);
/// Throws kContent: the file is damaged; `why` is the codec's own word for it.
[[noreturn]] void fail_broken(const Source& source, std::string_view format, std::string_view why);

/// Sizes from the header; throw kContent when the header is not whole and sound.
Extent jpeg_extent(const Source& source);
Extent png_extent(const Source& source);
Extent webp_extent(const Source& source);
Extent gif_extent(const Source& source);
Extent bmp_extent(const Source& source);
Extent tiff_extent(const Source& source);
Extent pnm_extent(const Source& source);
Extent heif_extent(const Source& source);

/// Pixels; each checks the limits before anything of the image's size is allocated.
Raster decode_jpeg(const Source& source, const Limits& limits);
Raster decode_png(const Source& source, const Limits& limits);
Raster decode_webp(const Source& source, const Limits& limits);
Raster decode_gif(const Source& source, const Limits& limits);
Raster decode_bmp(const Source& source, const Limits& limits);
Raster decode_tiff(const Source& source, const Limits& limits);
Raster decode_pnm(const Source& source, const Limits& limits);
Raster decode_heif(const Source& source, const Limits& limits);

/// a · b / 255, rounded, as Pillow computes it.
inline int scaled(int a, int b) {
  const int product = a * b + 128;
  return ((product >> 8) + product) >> 8;
}

/// The EXIF orientation, 1 to 8; 1 when the file has none or its EXIF data are not sound.
int exif_orientation(Format format, std::string_view bytes);
/// The picture as `PIL.ImageOps.exif_transpose` turns it.
Raster apply_orientation(Raster raster, int orientation);

}  // namespace qprompt::image
