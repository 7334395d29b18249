#include "image/impl/tiff_pixels.h"

#include <algorithm>
#include <cstring>

namespace qprompt::image {
namespace {

enum Photometric : uint16_t { kMinIsWhite = 0, kMinIsBlack = 1, kRgb = 2, kPalette = 3, kCmyk = 5 };
enum SampleFormat : uint16_t { kUnsigned = 1, kSigned = 2, kFloat = 3 };

uint8_t cut_off(double value) { return static_cast<uint8_t>(std::clamp(value, 0.0, 255.0)); }

template <class T>
T load(const uint8_t* at) {
  T value;
  std::memcpy(&value, at, sizeof value);
  return value;
}

/// Sample `i` of a row as 8 bits: fewer are spread over 0 to 255, grey of more is cut off at 255 as
/// Pillow does, colours of 16 bits keep the high byte.
uint8_t sample_at(const TiffLayout& layout, const uint8_t* row, size_t i) {
  const bool grey = layout.photometric <= kMinIsBlack;
  switch (layout.bits) {
    case 8:
      return row[i];
    case 16:
      if (layout.sample_format == kSigned) return cut_off(load<int16_t>(row + 2 * i));
      return grey ? cut_off(load<uint16_t>(row + 2 * i))
                  : static_cast<uint8_t>(load<uint16_t>(row + 2 * i) >> 8);
    case 32:
      if (layout.sample_format == kFloat) {
        const auto value = load<float>(row + 4 * i);
        return value > 0 ? cut_off(value) : 0;  // not a number is black, too
      }
      return cut_off(layout.sample_format == kSigned ? double(load<int32_t>(row + 4 * i))
                                                     : double(load<uint32_t>(row + 4 * i)));
    default: {
      const size_t first_bit = i * layout.bits;
      const size_t shift = 8 - layout.bits - first_bit % 8;
      const unsigned largest = (1u << layout.bits) - 1;
      const unsigned value = row[first_bit / 8] >> shift & largest;
      if (layout.photometric == kPalette) return static_cast<uint8_t>(value);
      return static_cast<uint8_t>(value * (255 / largest));
    }
  }
}

/// One pixel of interleaved samples.
void unpack_pixel(const TiffLayout& layout, const uint8_t* row, size_t first, uint8_t* rgb) {
  const auto sample = [&](size_t c) { return sample_at(layout, row, first + c); };
  if (layout.photometric == kPalette) {
    const size_t index = sample(0);
    if (index < layout.palette.size()) std::copy_n(layout.palette[index].begin(), 3, rgb);
  } else if (layout.photometric == kRgb) {
    for (size_t c = 0; c < 3; ++c) rgb[c] = sample(c);
    if (!layout.premultiplied || layout.samples < 4) return;
    const int alpha = sample(3);
    for (size_t c = 0; c < 3; ++c) {
      rgb[c] = static_cast<uint8_t>(alpha == 0 ? 0 : std::min(255, 255 * rgb[c] / alpha));
    }
  } else if (layout.photometric == kCmyk) {
    const int light = 255 - sample(3);
    for (size_t c = 0; c < 3; ++c) {
      rgb[c] = static_cast<uint8_t>(std::max(0, light - scaled(sample(c), light)));
    }
  } else {
    const bool inverted = layout.photometric == kMinIsWhite && layout.bits <= 8;
    const uint8_t grey = sample(0);
    std::fill_n(rgb, 3, static_cast<uint8_t>(inverted ? 255 - grey : grey));
  }
}

}  // namespace

void check_layout(const Source& source, const TiffLayout& layout) {
  const auto refuse = [&](const auto&... what) { fail_broken(source, "TIFF", cat(what...)); };
  const uint16_t kind = layout.photometric;
  if (kind > kPalette && kind != kCmyk) {
    refuse("its colours are of kind ", kind, "; grey, RGB, palette, CMYK and YCbCr are read");
  }
  const uint16_t needed = kind == kCmyk ? 4 : kind == kRgb ? 3 : 1;
  if (layout.samples < needed) refuse(layout.samples, " samples a pixel for colours of ", needed);
  const bool one = needed == 1;
  const bool known = (layout.bits == 8 && layout.sample_format == kUnsigned) ||
                     (layout.bits == 16 && kind != kPalette && layout.sample_format != kFloat) ||
                     (layout.bits == 32 && one && kind != kPalette) ||
                     ((layout.bits == 1 || layout.bits == 2 || layout.bits == 4) && one);
  if (!known) refuse("samples of ", layout.bits, " bits of this kind are not read");
  if (kind == kPalette && layout.palette.empty()) refuse("it has no colour map");
  if (layout.planar && !(one || kind == kRgb)) refuse("CMYK in planes is not read");
  if (layout.planar && layout.premultiplied) refuse("premultiplied colours in planes are not read");
}

size_t row_bytes(const TiffLayout& layout, int64_t width) {
  const size_t samples = layout.planar ? 1 : layout.samples;
  return (static_cast<size_t>(width) * samples * layout.bits + 7) / 8;
}

void unpack_samples(const TiffLayout& layout, const uint8_t* row, const TiffRow& which,
                    uint8_t* rgb) {
  const auto width = static_cast<size_t>(which.width);
  if (layout.planar && layout.photometric == kRgb) {
    for (size_t x = 0; which.plane < 3 && x < width; ++x) {
      rgb[3 * x + which.plane] = sample_at(layout, row, x);
    }
    return;
  }
  if (layout.planar && which.plane > 0) return;  // alpha
  const size_t step = layout.planar ? 1 : layout.samples;
  for (size_t x = 0; x < width; ++x) unpack_pixel(layout, row, x * step, rgb + 3 * x);
}

}  // namespace qprompt::image
