#include <gif_lib.h>

#include <algorithm>
#include <array>
#include <cstring>

#include "image/impl/codec.h"

namespace qprompt::image {
namespace {

/// giflib's state over bytes in memory.
struct GifReader {
  const Source& source;
  std::string_view rest;
  bool ended = false;  ///< more was asked for than there is
  GifFileType* file = nullptr;

  explicit GifReader(const Source& s) : source(s), rest(s.bytes) {}
  GifReader(const GifReader&) = delete;
  GifReader& operator=(const GifReader&) = delete;
  ~GifReader() {
    if (file != nullptr) DGifCloseFile(file, nullptr);
  }
  [[noreturn]] void fail_with(int code) const {
    if (ended) fail_truncated(source, "GIF");
    const char* why = GifErrorString(code);
    fail_broken(source, "GIF", why == nullptr ? "it cannot be read" : why);
  }
  [[noreturn]] void fail_here() const { fail_with(file->Error); }
};

int on_gif_read(GifFileType* file, GifByteType* target, int count) {
  auto& reader = *static_cast<GifReader*>(file->UserData);
  const size_t taken = std::min(reader.rest.size(), static_cast<size_t>(std::max(count, 0)));
  if (taken < static_cast<size_t>(count)) reader.ended = true;
  std::memcpy(target, reader.rest.data(), taken);
  reader.rest.remove_prefix(taken);
  return static_cast<int>(taken);
}

void open_gif(GifReader& reader) {
  int code = 0;
  reader.file = DGifOpen(&reader, on_gif_read, &code);
  if (reader.file == nullptr) reader.fail_with(code);
}

/// Reads one extension; a graphic control block says which index is transparent.
void read_gif_extension(GifReader& reader, int& transparent) {
  int code = 0;
  GifByteType* block = nullptr;  // the length, then the bytes
  if (DGifGetExtension(reader.file, &code, &block) == GIF_ERROR) reader.fail_here();
  while (block != nullptr) {
    if (code == GRAPHICS_EXT_FUNC_CODE && block[0] >= 4) {
      transparent = (block[1] & 1) != 0 ? block[4] : -1;
    }
    if (DGifGetExtensionNext(reader.file, &block) == GIF_ERROR) reader.fail_here();
  }
}

/// Reads up to the first picture's own header; what index is transparent, −1 for none.
int seek_first_picture(GifReader& reader) {
  int transparent = -1;
  for (;;) {
    GifRecordType type = UNDEFINED_RECORD_TYPE;
    if (DGifGetRecordType(reader.file, &type) == GIF_ERROR) reader.fail_here();
    if (type == EXTENSION_RECORD_TYPE) {
      read_gif_extension(reader, transparent);
    } else if (type == IMAGE_DESC_RECORD_TYPE) {
      if (DGifGetImageDesc(reader.file) == GIF_ERROR) reader.fail_here();
      return transparent;
    } else {
      fail_broken(reader.source, "GIF", "it holds no picture");
    }
  }
}

using Palette = std::array<std::array<uint8_t, 3>, 256>;

/// The picture's own colours, else the file's; an index without a colour is that grey, as in
/// Pillow, which is also what a file without colours means.
Palette palette_of(const GifFileType& file) {
  Palette palette;
  for (size_t i = 0; i < palette.size(); ++i) palette[i].fill(static_cast<uint8_t>(i));
  const ColorMapObject* map = file.Image.ColorMap != nullptr ? file.Image.ColorMap : file.SColorMap;
  for (int i = 0; map != nullptr && i < std::min(map->ColorCount, 256); ++i) {
    palette[static_cast<size_t>(i)] = {map->Colors[i].Red, map->Colors[i].Green,
                                       map->Colors[i].Blue};
  }
  return palette;
}

/// Rows of an interlaced picture in the order in which they are stored.
std::vector<int64_t> row_order(int64_t height, bool interlaced) {
  constexpr std::array<std::array<int64_t, 2>, 4> kPasses{{{0, 8}, {4, 8}, {2, 4}, {1, 2}}};
  std::vector<int64_t> rows;
  for (const auto& [first, step] : kPasses) {
    for (int64_t y = first; interlaced && y < height; y += step) rows.push_back(y);
  }
  for (int64_t y = 0; !interlaced && y < height; ++y) rows.push_back(y);
  return rows;
}

/// The canvas, which a first picture that reaches beyond it makes larger.
Extent canvas_of(const GifFileType& file) {
  return {std::max<int64_t>(file.SWidth, int64_t{file.Image.Left} + file.Image.Width),
          std::max<int64_t>(file.SHeight, int64_t{file.Image.Top} + file.Image.Height)};
}

}  // namespace

Extent gif_extent(const Source& source) {
  GifReader reader(source);
  open_gif(reader);
  seek_first_picture(reader);
  return canvas_of(*reader.file);
}

Raster decode_gif(const Source& source, const Limits& limits) {
  GifReader reader(source);
  open_gif(reader);
  const int transparent = seek_first_picture(reader);
  const GifImageDesc& picture = reader.file->Image;
  Raster raster;
  raster.extent = canvas_of(*reader.file);
  check_extent(source, raster.extent, limits);
  if (picture.Width < 1 || picture.Height < 1) {
    fail_broken(source, "GIF", "its first picture is empty");
  }
  const Palette palette = palette_of(*reader.file);
  const int64_t width = raster.extent.width;
  raster.rgb.resize(static_cast<size_t>(3 * width * raster.extent.height));
  const auto paint = [&](int64_t pixel, size_t index) {
    std::copy_n(palette[index].begin(), 3, raster.rgb.begin() + 3 * pixel);
  };
  const bool covered = picture.Width == width && picture.Height == raster.extent.height;
  const size_t ground = transparent < 0 ? 0 : static_cast<size_t>(transparent);
  for (int64_t i = 0; !covered && i < width * raster.extent.height; ++i) paint(i, ground);
  std::vector<GifPixelType> line(static_cast<size_t>(picture.Width));
  for (const int64_t y : row_order(picture.Height, picture.Interlace)) {
    if (DGifGetLine(reader.file, line.data(), picture.Width) == GIF_ERROR) reader.fail_here();
    const int64_t start = (picture.Top + y) * width + picture.Left;
    for (int64_t x = 0; x < picture.Width; ++x) paint(start + x, line[static_cast<size_t>(x)]);
  }
  return raster;
}

}  // namespace qprompt::image
