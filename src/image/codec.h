// The codecs behind `decode_image`, one a format. Nothing here includes LibTorch or a codec's own
// header, so that neither reaches the files of the other.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "qprompt/base.h"

namespace qprompt::image {

enum class Format { kUnknown, kJpeg, kPng, kWebp };

/// A file in memory and the name it has in messages.
struct Source {
  std::string_view bytes;
  std::string_view name;
};

/// What a header may declare.
struct Limits {
  int64_t max_side = 0;    ///< largest width or height, pixels
  int64_t max_pixels = 0;  ///< largest width · height
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
/// Throws kContent: the file ends early.
[[noreturn]] void fail_truncated(const Source& source, std::string_view format);
/// Throws kContent: the file is damaged; `why` is the codec's own word for it.
[[noreturn]] void fail_broken(const Source& source, std::string_view format, std::string_view why);

/// Sizes from the header; throw kContent when the header is not whole and sound.
Extent jpeg_extent(const Source& source);
Extent png_extent(const Source& source);
Extent webp_extent(const Source& source);

/// Pixels; each checks the limits before anything of the image's size is allocated.
Raster decode_jpeg(const Source& source, const Limits& limits);
Raster decode_png(const Source& source, const Limits& limits);
Raster decode_webp(const Source& source, const Limits& limits);

/// The EXIF orientation, 1 to 8; 1 when the file has none or its EXIF data are not sound.
int exif_orientation(Format format, std::string_view bytes);
/// The picture as `PIL.ImageOps.exif_transpose` turns it.
Raster apply_orientation(Raster raster, int orientation);

}  // namespace qprompt::image
