// Features for other programs: images and texts through the towers, all of them in memory.
#pragma once

#include <ATen/core/Tensor.h>

#include <string>
#include <vector>

#include "base/observer.h"
#include "qprompt/clip.h"
#include "qprompt/image.h"

namespace qprompt {

struct EncodedImages {
  at::Tensor features;  ///< (N, E) float32, not normalised
  at::Tensor pixels;    ///< (N, 3, R, R), normalised; undefined unless they were asked for
};
/// The test view of each file. Throws kPath or kContent with the file's path; `stopped` when the
/// observer, which may be null, says so.
EncodedImages encode_image_files(const Clip& clip, const std::vector<std::string>& paths,
                                 const DecodeOptions& decode, bool keep_pixels, Observer* observer);

/// Texts as they stand → (N, E) float32, not normalised. Throws kContent where one is too long.
at::Tensor encode_text_list(const Clip& clip, const std::vector<std::string>& texts);

}  // namespace qprompt
