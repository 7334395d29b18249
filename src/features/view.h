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

/// The store's folder for a model and a view; empty when nothing is to be kept.
std::string store_folder(const Clip& clip, const FeatureOptions& options, const View& view);
/// The item's key in that folder: its path, size and time of change. Throws kPath.
Digest::Bytes item_key(const std::string& root, const Item& item);

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
