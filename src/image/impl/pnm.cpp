// Netpbm's P1 to P6, as Pillow's PpmImagePlugin reads them.
#include <algorithm>
#include <cmath>

#include "image/impl/byte_reader.h"

namespace qprompt::image {
namespace {

struct PnmHeader {
  int kind = 0;  ///< 1 to 6
  Extent extent;
  uint32_t max_value = 1;
  bool plain() const { return kind <= 3; }
  bool bits() const { return kind == 1 || kind == 4; }
  int64_t channels() const { return kind == 3 || kind == 6 ? 3 : 1; }
};

bool is_blank(uint8_t c) { return c == ' ' || (c >= 9 && c <= 13); }

void skip_comment(ByteReader& in) {
  for (uint8_t c = 0; c != '\n' && c != '\r';) c = in.byte();
}

/// The next number; the one blank after it is taken too.
uint32_t read_number(ByteReader& in, bool last_may_end = false) {
  constexpr uint32_t kLargest = 100'000'000;
  uint32_t value = 0;
  bool begun = false;
  for (;;) {
    if (begun && last_may_end && in.at_end()) return value;
    const uint8_t c = in.byte();
    if (c == '#') {
      skip_comment(in);
    } else if (is_blank(c)) {
      if (begun) return value;
    } else if (c < '0' || c > '9') {
      in.refuse("a number was expected at byte ", in.position() - 1);
    } else {
      value = std::min(10 * value + (c - '0'), kLargest);
      begun = true;
    }
  }
}

PnmHeader read_pnm_header(ByteReader& in) {
  PnmHeader header;
  header.kind = in.take(2)[1] - '0';
  header.extent.width = read_number(in);
  header.extent.height = read_number(in);
  if (!header.bits()) header.max_value = read_number(in);
  if (header.max_value < 1 || header.max_value > 65535) {
    in.refuse("its largest value is ", header.max_value, "; 1 to 65535 was expected");
  }
  return header;
}

/// One bit of a plain bitmap, where blanks between are not needed.
uint32_t read_plain_bit(ByteReader& in) {
  for (;;) {
    const uint8_t c = in.byte();
    if (c == '0' || c == '1') return c - '0';
    if (c == '#') {
      skip_comment(in);
    } else if (!is_blank(c)) {
      in.refuse("0 or 1 was expected at byte ", in.position() - 1);
    }
  }
}

/// Values come out of 255, rounded as Python rounds; grey of more than 8 bits out of 65535 and then
/// cut off at 255, as Pillow's `convert("RGB")` does with its 32-bit integers.
uint8_t scale_value(const PnmHeader& header, uint32_t value) {
  if (header.bits()) return value == 0 ? 255 : 0;
  if (header.max_value == 255) return static_cast<uint8_t>(value);
  const bool wide = header.max_value > 255 && header.channels() == 1;
  const double out =
      std::nearbyint(static_cast<double>(value) / header.max_value * (wide ? 65535.0 : 255.0));
  return static_cast<uint8_t>(std::min(out, 255.0));
}

uint32_t read_value(ByteReader& in, const PnmHeader& header) {
  if (header.kind == 1) return read_plain_bit(in);
  if (header.plain()) {
    const uint32_t value = read_number(in, true);
    if (value > header.max_value) in.refuse("the value ", value, " is over ", header.max_value);
    return value;
  }
  const uint32_t high = in.byte();
  return header.max_value < 256 ? high : high << 8 | in.byte();
}

}  // namespace

Extent pnm_extent(const Source& source) {
  ByteReader in(source, "PNM");
  return read_pnm_header(in).extent;
}

Raster decode_pnm(const Source& source, const Limits& limits) {
  ByteReader in(source, "PNM");
  const PnmHeader header = read_pnm_header(in);
  Raster raster{header.extent, {}};
  check_extent(source, raster.extent, limits);
  const int64_t width = raster.extent.width, channels = header.channels();
  raster.rgb.resize(static_cast<size_t>(3 * width * raster.extent.height));
  uint8_t* out = raster.rgb.data();
  for (int64_t y = 0; y < raster.extent.height; ++y) {
    uint32_t bits = 0;
    for (int64_t x = 0; x < width; ++x, out += 3) {
      if (header.kind == 4) {
        bits = x % 8 == 0 ? in.byte() : bits << 1;
        std::fill_n(out, 3, scale_value(header, bits >> 7 & 1));
        continue;
      }
      for (int64_t c = 0; c < channels; ++c) out[c] = scale_value(header, read_value(in, header));
      if (channels == 1) std::fill_n(out + 1, 2, out[0]);
    }
  }
  return raster;
}

}  // namespace qprompt::image
