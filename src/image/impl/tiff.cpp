// The first picture of a TIFF file by libtiff, with the modes that Pillow's TiffImagePlugin knows.
#include <tiffio.h>

#include <algorithm>
#include <array>
#include <cstdarg>
#include <cstdio>
#include <cstring>
#include <memory>

#include "image/impl/tiff_pixels.h"

namespace qprompt::image {
namespace {

/// The bytes of a file and where libtiff reads; its first complaint.
struct TiffStream {
  const Source& source;
  uint64_t at = 0;
  bool ended = false;
  char message[256] = "";

  explicit TiffStream(const Source& s) : source(s) {}
  [[noreturn]] void refuse() const {
    if (ended) fail_truncated(source, "TIFF");
    fail_broken(source, "TIFF", message[0] == '\0' ? "it cannot be read" : message);
  }
};

tmsize_t on_tiff_read(thandle_t handle, void* target, tmsize_t count) {
  auto& stream = *static_cast<TiffStream*>(handle);
  const uint64_t size = stream.source.bytes.size();
  const uint64_t rest = stream.at < size ? size - stream.at : 0;
  const uint64_t taken = std::min<uint64_t>(rest, static_cast<uint64_t>(count));
  if (taken < static_cast<uint64_t>(count)) stream.ended = true;
  if (taken > 0) std::memcpy(target, stream.source.bytes.data() + stream.at, taken);
  stream.at += taken;
  return static_cast<tmsize_t>(taken);
}

tmsize_t on_tiff_write(thandle_t, void*, tmsize_t) { return 0; }

toff_t on_tiff_seek(thandle_t handle, toff_t offset, int whence) {
  auto& stream = *static_cast<TiffStream*>(handle);
  const uint64_t base = whence == SEEK_SET   ? 0
                        : whence == SEEK_CUR ? stream.at
                                             : stream.source.bytes.size();
  return stream.at = base + offset;
}

int on_tiff_close(thandle_t) { return 0; }

toff_t on_tiff_size(thandle_t handle) {
  return static_cast<TiffStream*>(handle)->source.bytes.size();
}

int on_tiff_error(TIFF*, void* user, const char*, const char* format, va_list arguments) {
  auto& stream = *static_cast<TiffStream*>(user);
  if (stream.message[0] == '\0') {
    std::vsnprintf(stream.message, sizeof stream.message, format, arguments);
  }
  return 1;
}

int on_tiff_warning(TIFF*, void*, const char*, const char*, va_list) { return 1; }

using Tiff = std::unique_ptr<TIFF, decltype(&TIFFClose)>;

Tiff open_tiff(TiffStream& stream, int64_t max_bytes) {
  const std::unique_ptr<TIFFOpenOptions, decltype(&TIFFOpenOptionsFree)> options(
      TIFFOpenOptionsAlloc(), TIFFOpenOptionsFree);
  TIFFOpenOptionsSetMaxSingleMemAlloc(options.get(), static_cast<tmsize_t>(max_bytes));
  TIFFOpenOptionsSetErrorHandlerExtR(options.get(), on_tiff_error, &stream);
  TIFFOpenOptionsSetWarningHandlerExtR(options.get(), on_tiff_warning, nullptr);
  // "m": the bytes are not to be mapped once more.
  Tiff tiff(TIFFClientOpenExt("picture", "rm", &stream, on_tiff_read, on_tiff_write, on_tiff_seek,
                              on_tiff_close, on_tiff_size, nullptr, nullptr, options.get()),
            TIFFClose);
  if (tiff == nullptr) stream.refuse();
  return tiff;
}

template <class T>
T tag_of(TIFF* tiff, uint32_t tag, T otherwise) {
  T value = otherwise;
  return TIFFGetFieldDefaulted(tiff, tag, &value) == 1 ? value : otherwise;
}

Extent tiff_size(TIFF* tiff) {
  return {tag_of<uint32_t>(tiff, TIFFTAG_IMAGEWIDTH, 0),
          tag_of<uint32_t>(tiff, TIFFTAG_IMAGELENGTH, 0)};
}

/// What the tags say of the samples; the palette's 16 bits become 8 as in Pillow.
TiffLayout layout_of(TIFF* tiff) {
  TiffLayout layout;
  layout.photometric = tag_of<uint16_t>(tiff, TIFFTAG_PHOTOMETRIC, PHOTOMETRIC_MINISWHITE);
  layout.bits = tag_of<uint16_t>(tiff, TIFFTAG_BITSPERSAMPLE, 1);
  layout.samples = tag_of<uint16_t>(tiff, TIFFTAG_SAMPLESPERPIXEL, 1);
  layout.sample_format = tag_of<uint16_t>(tiff, TIFFTAG_SAMPLEFORMAT, SAMPLEFORMAT_UINT);
  layout.planar =
      tag_of<uint16_t>(tiff, TIFFTAG_PLANARCONFIG, PLANARCONFIG_CONTIG) == PLANARCONFIG_SEPARATE;
  uint16_t extra = 0;
  uint16_t* kinds = nullptr;
  if (TIFFGetField(tiff, TIFFTAG_EXTRASAMPLES, &extra, &kinds) == 1 && extra > 0) {
    layout.premultiplied = kinds[0] == EXTRASAMPLE_ASSOCALPHA;
  }
  uint16_t *red = nullptr, *green = nullptr, *blue = nullptr;
  if (layout.photometric == PHOTOMETRIC_PALETTE && layout.bits <= 8 &&
      TIFFGetField(tiff, TIFFTAG_COLORMAP, &red, &green, &blue) == 1) {
    for (size_t i = 0; i < size_t{1} << layout.bits; ++i) {
      layout.palette.push_back({static_cast<uint8_t>(red[i] / 256),
                                static_cast<uint8_t>(green[i] / 256),
                                static_cast<uint8_t>(blue[i] / 256)});
    }
  }
  return layout;
}

/// A picture while it is read.
struct TiffPicture {
  TIFF* tiff;
  TiffStream& stream;
  const TiffLayout& layout;
  Raster& raster;
};

/// Strips, a row at a time; the planes of a planar picture follow each other.
void read_tiff_rows(const TiffPicture& picture) {
  const auto [width, height] = picture.raster.extent;
  std::vector<uint8_t> row(static_cast<size_t>(TIFFScanlineSize64(picture.tiff)));
  const uint16_t planes = picture.layout.planar ? picture.layout.samples : 1;
  if (row.size() < row_bytes(picture.layout, width)) picture.stream.refuse();
  for (uint16_t plane = 0; plane < planes; ++plane) {
    for (int64_t y = 0; y < height; ++y) {
      if (TIFFReadScanline(picture.tiff, row.data(), static_cast<uint32_t>(y), plane) != 1) {
        picture.stream.refuse();
      }
      unpack_samples(picture.layout, row.data(), {plane, width},
                     picture.raster.rgb.data() + 3 * width * y);
    }
  }
}

void read_tiff_tiles(const TiffPicture& picture) {
  const auto [width, height] = picture.raster.extent;
  const int64_t across = tag_of<uint32_t>(picture.tiff, TIFFTAG_TILEWIDTH, 0);
  const int64_t down = tag_of<uint32_t>(picture.tiff, TIFFTAG_TILELENGTH, 0);
  const size_t tile_row = static_cast<size_t>(TIFFTileRowSize64(picture.tiff));
  std::vector<uint8_t> tile(static_cast<size_t>(TIFFTileSize64(picture.tiff)));
  const uint16_t planes = picture.layout.planar ? picture.layout.samples : 1;
  if (across < 1 || down < 1 || tile_row < row_bytes(picture.layout, across) ||
      tile.size() < tile_row * static_cast<size_t>(down)) {
    picture.stream.refuse();
  }
  for (uint16_t plane = 0; plane < planes; ++plane) {
    for (int64_t top = 0; top < height; top += down) {
      for (int64_t left = 0; left < width; left += across) {
        if (TIFFReadTile(picture.tiff, tile.data(), static_cast<uint32_t>(left),
                         static_cast<uint32_t>(top), 0, plane) < 0) {
          picture.stream.refuse();
        }
        for (int64_t y = 0; y < std::min(down, height - top); ++y) {
          unpack_samples(picture.layout, tile.data() + static_cast<size_t>(y) * tile_row,
                         {plane, std::min(across, width - left)},
                         picture.raster.rgb.data() + 3 * (width * (top + y) + left));
        }
      }
    }
  }
}

/// Colours that libtiff itself turns into RGB.
void read_tiff_rgba(const TiffPicture& picture) {
  const auto [width, height] = picture.raster.extent;
  std::vector<uint32_t> rgba(static_cast<size_t>(width * height));
  if (TIFFReadRGBAImageOriented(picture.tiff, static_cast<uint32_t>(width),
                                static_cast<uint32_t>(height), rgba.data(), ORIENTATION_TOPLEFT,
                                1) != 1) {
    picture.stream.refuse();
  }
  uint8_t* out = picture.raster.rgb.data();
  for (const uint32_t pixel : rgba) {
    *out++ = static_cast<uint8_t>(TIFFGetR(pixel));
    *out++ = static_cast<uint8_t>(TIFFGetG(pixel));
    *out++ = static_cast<uint8_t>(TIFFGetB(pixel));
  }
}

}  // namespace

Extent tiff_extent(const Source& source) {
  constexpr int64_t kMaxTagBytes = 64 << 20;
  constexpr uint16_t kFirstTransposed = 5;  // orientations 5 to 8 swap the sides
  TiffStream stream(source);
  const Tiff tiff = open_tiff(stream, kMaxTagBytes);
  const auto [width, height] = tiff_size(tiff.get());
  const auto orientation = tag_of<uint16_t>(tiff.get(), TIFFTAG_ORIENTATION, 1);
  if (orientation >= kFirstTransposed && orientation <= 8) return {height, width};
  return {width, height};
}

Raster decode_tiff(const Source& source, const Limits& limits) {
  TiffStream stream(source);
  const Tiff tiff = open_tiff(stream, limits.max_bytes / 4);
  Raster raster;
  raster.extent = tiff_size(tiff.get());
  check_extent(source, raster.extent, limits);
  const uint16_t compression = tag_of<uint16_t>(tiff.get(), TIFFTAG_COMPRESSION, COMPRESSION_NONE);
  if (TIFFIsCODECConfigured(compression) == 0) {
    fail_broken(source, "TIFF", cat("its compression ", compression, " is not supported"));
  }
  TiffLayout layout = layout_of(tiff.get());
  const bool ycbcr = layout.photometric == PHOTOMETRIC_YCBCR;
  if (ycbcr && compression == COMPRESSION_JPEG && !layout.planar) {
    TIFFSetField(tiff.get(), TIFFTAG_JPEGCOLORMODE, JPEGCOLORMODE_RGB);
    layout.photometric = PHOTOMETRIC_RGB;
  }
  const int64_t pixels = raster.extent.width * raster.extent.height;
  const bool by_libtiff = layout.photometric == PHOTOMETRIC_YCBCR;
  const auto block = static_cast<int64_t>(TIFFIsTiled(tiff.get()) ? TIFFTileSize64(tiff.get())
                                                                  : TIFFScanlineSize64(tiff.get()));
  if (stream.ended) stream.refuse();  // tags that are cut off would be as if they were not there
  check_memory(source, block < 0 ? limits.max_bytes + 1 : block, limits);
  check_memory(source, (by_libtiff ? 7 : 3) * pixels + block, limits);
  raster.rgb.resize(static_cast<size_t>(3 * pixels));
  const TiffPicture picture{tiff.get(), stream, layout, raster};
  if (by_libtiff) {
    read_tiff_rgba(picture);
  } else {
    check_layout(source, layout);
    TIFFIsTiled(tiff.get()) ? read_tiff_tiles(picture) : read_tiff_rows(picture);
  }
  if (stream.ended) stream.refuse();
  // Pillow turns a TIFF as it says, whoever asks.
  return apply_orientation(std::move(raster), tag_of<uint16_t>(tiff.get(), TIFFTAG_ORIENTATION, 1));
}

}  // namespace qprompt::image
