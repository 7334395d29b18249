// The one resampling routine behind `resize_bicubic` and the views.
#pragma once

#include "qprompt/image.h"

namespace qprompt::image {

/// The part `window` of what `resize_bicubic(image, box, width, height)` gives. Only that part is
/// computed, so the size of the whole does not matter.
Image resample(const Image& image, const Box& box, int64_t width, int64_t height,
               const Box& window);

/// The pixels inside `box`, copied.
Image crop(const Image& image, const Box& box);

/// Throws kInternal unless the image is not empty, its bytes fit its size, and the box lies in it.
void check_inside(const Image& image, const Box& box);

}  // namespace qprompt::image
