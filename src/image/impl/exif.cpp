#include <array>
#include <optional>
#include <utility>

#include "image/impl/codec.h"

namespace qprompt::image {
namespace {

using namespace std::string_view_literals;

enum class Endian { kLittle, kBig };

/// The unsigned integer of `count` bytes at `at`, or nothing when the bytes end before it does.
std::optional<uint32_t> integer(std::string_view bytes, size_t at, size_t count, Endian endian) {
  if (at > bytes.size() || count > bytes.size() - at) return std::nullopt;
  uint32_t value = 0;
  for (size_t i = 0; i < count; ++i) {
    const size_t from = endian == Endian::kBig ? at + i : at + count - 1 - i;
    value = value << 8 | static_cast<uint8_t>(bytes[from]);
  }
  return value;
}

/// The orientation entry of the first directory of a TIFF structure (TIFF 6.0, section 2).
std::optional<uint32_t> tiff_orientation(std::string_view tiff) {
  if (tiff.starts_with("Exif\0\0"sv)) tiff.remove_prefix(6);
  Endian endian = Endian::kLittle;
  if (tiff.starts_with("MM\0*"sv)) {
    endian = Endian::kBig;
  } else if (!tiff.starts_with("II*\0"sv)) {
    return std::nullopt;
  }
  const auto directory = integer(tiff, 4, 4, endian);
  if (!directory) return std::nullopt;
  const auto entries = integer(tiff, *directory, 2, endian);
  if (!entries) return std::nullopt;
  constexpr uint32_t kOrientation = 0x0112, kShort = 3, kLong = 4;
  for (size_t i = 0; i < *entries; ++i) {
    const size_t at = *directory + 2 + 12 * i;  // tag, type, count, value
    const auto tag = integer(tiff, at, 2, endian);
    if (!tag) return std::nullopt;
    if (*tag != kOrientation) continue;
    const auto type = integer(tiff, at + 2, 2, endian);
    if (type == kShort) return integer(tiff, at + 8, 2, endian);
    if (type == kLong) return integer(tiff, at + 8, 4, endian);
    return std::nullopt;
  }
  return std::nullopt;
}

/// The first APP1 segment that holds EXIF data; segments after the start of the scan do not count.
std::string_view jpeg_exif(std::string_view bytes) {
  size_t at = 2;
  while (at + 4 <= bytes.size() && static_cast<uint8_t>(bytes[at]) == 0xFF) {
    const auto marker = static_cast<uint8_t>(bytes[at + 1]);
    if (marker == 0xFF) {  // fill byte
      ++at;
      continue;
    }
    constexpr uint8_t kStartOfScan = 0xDA, kEndOfImage = 0xD9, kApp1 = 0xE1;
    if (marker == kStartOfScan || marker == kEndOfImage) break;
    const size_t length = integer(bytes, at + 2, 2, Endian::kBig).value_or(0);
    if (length < 2 || length > bytes.size() - at - 2) break;
    const std::string_view body = bytes.substr(at + 4, length - 2);
    if (marker == kApp1 && body.starts_with("Exif\0"sv)) return body;
    at += 2 + length;
  }
  return {};
}

/// The body of the first chunk of that name, in a file of chunks from `at` on.
std::string_view find_chunk(std::string_view bytes, size_t at, std::string_view name,
                            Format format) {
  const bool png = format == Format::kPng;
  while (at <= bytes.size() && bytes.size() - at >= 8) {
    const Endian endian = png ? Endian::kBig : Endian::kLittle;
    const size_t length = integer(bytes, png ? at : at + 4, 4, endian).value_or(0);
    if (length > bytes.size() - at - 8) break;
    if (bytes.substr(png ? at + 4 : at, 4) == name) return bytes.substr(at + 8, length);
    at += 8 + length + (png ? 4 : length % 2);  // PNG: the checksum; WebP: padding to even
  }
  return {};
}

/// Where the pixel at (0, 0) of the turned picture lies in the stored one, and the steps, in
/// pixels, to its right and lower neighbours.
struct Walk {
  int64_t start, right, down;
};

Walk walk_of(const Extent& stored, int orientation) {
  const int64_t w = stored.width, h = stored.height;
  switch (orientation) {
    case 2:
      return {w - 1, -1, w};  // mirrored left to right
    case 3:
      return {w * h - 1, -1, -w};  // half a turn
    case 4:
      return {w * (h - 1), 1, -w};  // mirrored top to bottom
    case 5:
      return {0, w, 1};  // mirrored at the main diagonal
    case 6:
      return {w * (h - 1), -w, 1};  // a quarter turn clockwise
    case 7:
      return {w * h - 1, -w, -1};  // mirrored at the other diagonal
    default:
      return {w - 1, w, -1};  // 8: a quarter turn anticlockwise
  }
}

}  // namespace

int exif_orientation(Format format, std::string_view bytes) {
  std::string_view exif;
  if (format == Format::kJpeg) exif = jpeg_exif(bytes);
  if (format == Format::kPng) exif = find_chunk(bytes, 8, "eXIf", format);
  if (format == Format::kWebp) exif = find_chunk(bytes, 12, "EXIF", format);
  const uint32_t orientation = tiff_orientation(exif).value_or(1);
  return orientation >= 1 && orientation <= 8 ? static_cast<int>(orientation) : 1;
}

Raster apply_orientation(Raster raster, int orientation) {
  if (orientation < 2 || orientation > 8) return raster;
  const Walk walk = walk_of(raster.extent, orientation);
  Raster turned;
  turned.extent = raster.extent;
  if (orientation >= 5) std::swap(turned.extent.width, turned.extent.height);
  turned.rgb.resize(raster.rgb.size());
  uint8_t* out = turned.rgb.data();
  for (int64_t y = 0; y < turned.extent.height; ++y) {
    for (int64_t x = 0; x < turned.extent.width; ++x, out += 3) {
      const uint8_t* in = raster.rgb.data() + 3 * (walk.start + x * walk.right + y * walk.down);
      out[0] = in[0], out[1] = in[1], out[2] = in[2];
    }
  }
  return turned;
}

}  // namespace qprompt::image
