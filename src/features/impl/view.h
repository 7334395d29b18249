// One view of an image: how it is made, and under which names its features are kept. Private.
#pragma once

#include <string>

#include "qprompt/clip.h"
#include "qprompt/features.h"
#include "qprompt/image.h"
#include "qprompt/weights.h"

namespace qprompt {

/// The test view, or a seeded random one.
struct View {
  bool random = false;
  uint64_t seed = 0;
  int64_t number = 0;
};

/// Where rows of one model and view are kept: by fingerprint, then by the view, the type of the
/// arithmetic, what multiplies, and the number of the numerics. Empty where `cache` is.
std::string store_folder(const Clip& clip, const FeatureOptions& options, const View& view,
                         const std::string& cache);
/// Where the digests of the files below one folder are kept.
std::string contents_folder(const std::string& cache, const std::string& image_root);
/// The key of an item's row there: what its file holds and, since random views are drawn by it, its
/// path.
Digest::Bytes row_key(const Digest::Bytes& content, const Item& item, const View& view);

/// The view (R, R) of a decoded image; `path` is the item's, which the draws depend on.
Image cut_view(const Image& image, const std::string& path, const View& view,
               const ClipConfig& config);

/// Where the pixels of a list's items come from.
struct ViewSource {
  const Clip& clip;
  const std::string& image_root;
  const DecodeOptions& decode;
  View view;
  /// (3, R, R). Draws depend on the seed, the view and the item only, so that lists of items can
  /// share views.
  at::Tensor pixels(const Item& item) const;
};

}  // namespace qprompt
