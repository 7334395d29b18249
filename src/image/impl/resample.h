// The one resampling routine behind `resize_bicubic` and the views.
#pragma once

#include "qprompt/image.h"

namespace qprompt::image {

/// What a box is resized to, and how.
struct Target {
  int64_t width = 0, height = 0;
  Resampling resampling = Resampling::kBicubic;
};

/// The part `window` of what `resize(image, box, …)` gives. Only that part is computed, so the size
/// of the whole does not matter.
Image resample(const Image& image, const Box& box, const Target& target, const Box& window);

/// The pixels inside `box`, copied.
Image crop(const Image& image, const Box& box);

/// Throws kInternal unless the image is not empty, its bytes fit its size, and the box lies in it.
void check_inside(const Image& image, const Box& box);

}  // namespace qprompt::image
