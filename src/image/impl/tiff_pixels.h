// Rows of TIFF samples as RGB. Nothing here includes libtiff's header.
#pragma once

#include <array>
#include <cstddef>

#include "image/impl/codec.h"

namespace qprompt::image {

/// What a TIFF's tags say of its samples.
struct TiffLayout {
  uint16_t photometric = 0;  ///< as the file numbers it
  uint16_t bits = 1;         ///< a sample
  uint16_t samples = 1;      ///< a pixel
  uint16_t sample_format = 1;
  bool planar = false;         ///< a plane a sample
  bool premultiplied = false;  ///< colours are stored times alpha, the fourth sample
  std::vector<std::array<uint8_t, 3>> palette;
};

/// Throws kContent, saying what, for samples that are not read.
void check_layout(const Source& source, const TiffLayout& layout);

/// Bytes of `width` pixels of one plane.
size_t row_bytes(const TiffLayout& layout, int64_t width);

/// Which samples a row holds, and of how many pixels.
struct TiffRow {
  uint16_t plane = 0;
  int64_t width = 0;
};
/// Writes a row as RGB; of a planar picture the plane's own channel only.
void unpack_samples(const TiffLayout& layout, const uint8_t* row, const TiffRow& which,
                    uint8_t* rgb);

}  // namespace qprompt::image
