// Windows and OS/2 bitmaps, as Pillow's BmpImagePlugin reads them: 1, 4 and 8 bits with a palette,
// 16, 24 and 32 bits, run lengths, and the usual bit masks.
#include <algorithm>
#include <array>

#include "image/impl/byte_reader.h"

namespace qprompt::image {
namespace {

enum class Packing : uint32_t { kRaw = 0, kRuns8 = 1, kRuns4 = 2, kMasks = 3 };

struct BmpHeader {
  Extent extent;
  bool top_down = false;
  uint32_t bits = 0;
  Packing packing = Packing::kRaw;
  size_t pixels_at = 0;
  std::array<uint32_t, 3> masks{0x7C00, 0x3E0, 0x1F};  ///< red, green, blue; of 16 and 32 bits
  std::vector<std::array<uint8_t, 3>> palette;
};

void read_masks(ByteReader& in, BmpHeader& header) {
  for (uint32_t& mask : header.masks) mask = in.u32();
  const bool fits = std::all_of(header.masks.begin(), header.masks.end(), [&](uint32_t mask) {
    return mask != 0 && (header.bits >= 32 || mask >> header.bits == 0);
  });
  if (!fits) in.refuse("its bit masks do not fit ", header.bits, " bits a pixel");
}

void read_palette(ByteReader& in, BmpHeader& header, uint32_t colours, bool with_padding) {
  if (colours == 0) colours = 1u << header.bits;
  if (colours > 65536) in.refuse("it declares ", colours, " colours");
  for (uint32_t i = 0; i < colours; ++i) {
    const std::string_view bgr = in.take(with_padding ? 4 : 3);
    header.palette.push_back(
        {static_cast<uint8_t>(bgr[2]), static_cast<uint8_t>(bgr[1]), static_cast<uint8_t>(bgr[0])});
  }
}

void check_kind(ByteReader& in, const BmpHeader& header) {
  const bool known_bits = header.bits == 1 || header.bits == 4 || header.bits == 8 ||
                          header.bits == 16 || header.bits == 24 || header.bits == 32;
  if (!known_bits) in.refuse(header.bits, " bits a pixel are not supported");
  const bool fits = header.packing == Packing::kRaw ||
                    (header.packing == Packing::kRuns8 && header.bits == 8) ||
                    (header.packing == Packing::kRuns4 && header.bits == 4) ||
                    (header.packing == Packing::kMasks && header.bits >= 16);
  if (!fits) {
    in.refuse("compression ", static_cast<uint32_t>(header.packing), " with ", header.bits,
              " bits a pixel is not supported");
  }
}

BmpHeader read_bmp_header(ByteReader& in) {
  BmpHeader header;
  in.take(10);
  header.pixels_at = in.u32();
  const uint32_t size = in.u32();
  constexpr std::array<uint32_t, 7> kSizes{12, 40, 52, 56, 64, 108, 124};
  if (std::find(kSizes.begin(), kSizes.end(), size) == kSizes.end()) {
    in.refuse("a header of ", size, " bytes is of no known kind");
  }
  uint32_t colours = 0;
  const bool old = size == 12;
  if (old) {
    header.extent = {in.u16(), in.u16()};
  } else {
    const auto width = static_cast<int32_t>(in.u32()), height = static_cast<int32_t>(in.u32());
    header.top_down = height < 0;
    header.extent = {width, header.top_down ? -int64_t{height} : height};
  }
  in.take(2);  // planes
  header.bits = in.u16();
  if (!old) {
    header.packing = static_cast<Packing>(in.u32());
    in.take(12);
    colours = in.u32();
    in.take(4);
  }
  check_kind(in, header);
  if (header.bits == 32) header.masks = {0xFF0000, 0xFF00, 0xFF};
  const size_t masks_at = in.position();
  if (header.packing == Packing::kMasks) read_masks(in, header);
  const size_t header_end = 14 + size_t{size};
  in.seek(std::max(header_end, header.packing == Packing::kMasks ? masks_at + 12 : header_end));
  if (header.bits <= 8) read_palette(in, header, colours, !old);
  // Some writers point at the palette where the pixels should be.
  const bool misplaced = header.bits <= 8 && header.pixels_at == header_end;
  if (header.pixels_at == 0 || misplaced) header.pixels_at = in.position();
  return header;
}

/// The bits under a mask, moved down.
struct Mask {
  explicit Mask(uint32_t mask) : largest(mask) {
    for (; (largest & 1) == 0; largest >>= 1) ++shift;
  }
  /// Spread over 0 to 255.
  uint8_t of(uint32_t value) const {
    return static_cast<uint8_t>(uint64_t{value >> shift & largest} * 255 / largest);
  }
  uint32_t largest = 0, shift = 0;
};

/// Palette indices of a run-length coded picture, rows in the file's order.
std::vector<uint8_t> read_runs(ByteReader& in, const BmpHeader& header) {
  const auto width = static_cast<size_t>(header.extent.width);
  const size_t total = width * static_cast<size_t>(header.extent.height);
  const bool nibbles = header.packing == Packing::kRuns4;
  std::vector<uint8_t> out(total);
  size_t at = 0;
  const auto put = [&](uint32_t value) {
    if (at < total) out[at++] = static_cast<uint8_t>(value);
  };
  while (at < total) {
    const uint32_t count = in.byte(), value = in.byte();
    if (count > 0) {
      const size_t room = width - at % width;  // what is too long for the row is dropped
      for (uint32_t i = 0; i < std::min<size_t>(count, room); ++i) {
        put(!nibbles ? value : i % 2 == 0 ? value >> 4 : value & 15);
      }
    } else if (value == 0) {
      at = (at + width - 1) / width * width;
    } else if (value == 1) {
      in.refuse("its run lengths end after ", at, " of ", total, " pixels");
    } else if (value == 2) {
      const size_t right = in.byte(), up = in.byte();
      at = std::min(total, at + right + up * width);
    } else {
      const size_t bytes = nibbles ? (value + 1) / 2 : value;
      const std::string_view data = in.take(bytes);
      for (uint32_t i = 0; i < value; ++i) {
        const auto byte = static_cast<uint8_t>(data[nibbles ? i / 2 : i]);
        put(!nibbles ? byte : i % 2 == 0 ? byte >> 4 : byte & 15);
      }
      if (bytes % 2 != 0) in.take(1);
    }
  }
  return out;
}

/// One row of the file as RGB.
void unpack_row(const BmpHeader& header, std::string_view row, uint8_t* rgb) {
  const auto at = [&](size_t i) { return static_cast<uint32_t>(static_cast<uint8_t>(row[i])); };
  const std::array<Mask, 3> masks{Mask(header.masks[0]), Mask(header.masks[1]),
                                  Mask(header.masks[2])};
  for (size_t x = 0; x < static_cast<size_t>(header.extent.width); ++x, rgb += 3) {
    if (header.bits == 24) {
      rgb[0] = static_cast<uint8_t>(row[3 * x + 2]);
      rgb[1] = static_cast<uint8_t>(row[3 * x + 1]);
      rgb[2] = static_cast<uint8_t>(row[3 * x]);
    } else if (header.bits > 8) {
      const size_t i = x * header.bits / 8;
      uint32_t value = at(i) | at(i + 1) << 8;
      if (header.bits == 32) value |= at(i + 2) << 16 | at(i + 3) << 24;
      for (size_t c = 0; c < 3; ++c) rgb[c] = masks[c].of(value);
    } else {
      const size_t first_bit = x * header.bits;
      const uint32_t shift = 8 - header.bits - static_cast<uint32_t>(first_bit % 8);
      const size_t index = at(first_bit / 8) >> shift & ((1u << header.bits) - 1);
      std::fill_n(rgb, 3, static_cast<uint8_t>(index));  // a missing colour is that grey
      if (index < header.palette.size()) std::copy_n(header.palette[index].begin(), 3, rgb);
    }
  }
}

}  // namespace

Extent bmp_extent(const Source& source) {
  ByteReader in(source, "BMP");
  return read_bmp_header(in).extent;
}

Raster decode_bmp(const Source& source, const Limits& limits) {
  ByteReader in(source, "BMP");
  BmpHeader header = read_bmp_header(in);
  Raster raster{header.extent, {}};
  check_extent(source, raster.extent, limits);
  const int64_t width = raster.extent.width, height = raster.extent.height;
  in.seek(header.pixels_at);
  std::vector<uint8_t> indices;
  const bool runs = header.packing == Packing::kRuns8 || header.packing == Packing::kRuns4;
  if (runs) {
    check_memory(source, 4 * width * height, limits);
    indices = read_runs(in, header);
    header.bits = 8;
  }
  raster.rgb.resize(static_cast<size_t>(3 * width * height));
  const auto row_bytes = static_cast<size_t>((width * header.bits + 31) / 32 * 4);
  for (int64_t y = 0; y < height; ++y) {
    const std::string_view row =
        runs ? std::string_view(reinterpret_cast<const char*>(indices.data()) + y * width,
                                static_cast<size_t>(width))
             : in.take(row_bytes);
    const int64_t target = header.top_down ? y : height - 1 - y;
    unpack_row(header, row, raster.rgb.data() + 3 * width * target);
  }
  return raster;
}

}  // namespace qprompt::image
