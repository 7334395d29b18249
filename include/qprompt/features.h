// Room `features`: image features of a list of items, kept on disk.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/observer.h"
#include "qprompt/base.h"
#include "qprompt/clip.h"
#include "qprompt/dataset.h"

namespace qprompt {

/// How features are made and where they are kept.
struct FeatureOptions {
  std::string cache;         ///< folder; empty: the user's cache folder; "none": keep nothing
  int64_t cache_mb = 20480;  ///< when the cache takes more, its oldest files go; MiB
  DecodeOptions decode;
  bool skip_broken = false;      ///< true: broken images are counted and left out; false: an error
  int64_t threads = 1;           ///< that decode while the tower encodes
  ImagePrompts prompts;          ///< learned rows of the image tower; with them nothing is cached
  Observer* observer = nullptr;  ///< asked after every image; null: the bar is the log's
};

/// Features of N items in V views; V = 1 for the test view.
struct FeatureSet {
  at::Tensor features;              ///< (V, N, E) float32, not normalised
  std::vector<int64_t> kept;        ///< N indices into the list that was asked for, ascending
  std::vector<std::string> failed;  ///< "path: reason" of items left out
  int64_t encoded = 0;              ///< views that the image tower had to encode; 0: all cached
};

/// The test view of every item. Each item's row is cached under what its file holds, the model's
/// fingerprint, the transform, the type of the arithmetic, what multiplies, and the number of the
/// numerics, so lists share rows. A file is read again only when its size, times or inode changed.
/// A cache that is damaged, full or another user's costs time and gives a warning, never another
/// result. Throws kContent or kPath with the item's path unless `skip_broken`.
FeatureSet test_features(const Clip& clip, const std::string& image_root,
                         const std::vector<Item>& items, const FeatureOptions& options, Log& log);

/// `views` random training views of every item (CoOp's train transform); each depends on `seed`,
/// the view's number and the item's path only. With `skip_broken`, an image that cannot be read is
/// left out of all views.
struct ViewOptions {
  int64_t views = 1;  ///< V ≥ 1
  uint64_t seed = 1;
};
FeatureSet train_features(const Clip& clip, const Split& split, const ViewOptions& views,
                          const FeatureOptions& options, Log& log);

/// The pixels of training images, for methods whose image tower learns: their features change with
/// every step. Each file is decoded once and its 8-bit pixels are kept while memory allows; what
/// does not fit is decoded again.
class TrainingPixels {
 public:
  struct Options {
    int64_t views = 0;         ///< V; 0: the test view
    uint64_t seed = 1;         ///< of the views
    int64_t memory_mb = 2048;  ///< what the kept pixels may take, MiB
    DecodeOptions decode;
  };
  TrainingPixels(const Clip& clip, const std::string& image_root, const std::vector<Item>& items,
                 const Options& options);
  /// View `view` mod V of these items, no two of them the same: normalised (B, 3, R, R). As
  /// `train_features` draws them. One call at a time.
  /// Throws kPath or kContent with the item's path.
  at::Tensor batch(const std::vector<int64_t>& items, int64_t view) const;
  /// Bytes that are kept at present.
  int64_t kept_bytes() const;

 private:
  struct Impl;
  std::shared_ptr<Impl> impl_;
};

/// What became of one image file: its features, or why there are none.
struct FileFeatures {
  at::Tensor features;  ///< (E) float32, not normalised; undefined where it could not be read
  std::string error;    ///< names the file
  ErrorKind kind = ErrorKind::kContent;
};
/// The test view of image files, uncached, each handed to `use` with its index in the order of
/// `paths`: the next ones are decoded meanwhile. `use` may throw, which ends it.
void encode_files(const Clip& clip, const std::vector<std::string>& paths,
                  const FeatureOptions& options,
                  const std::function<void(size_t, const FileFeatures&)>& use);

/// The folder that an empty `FeatureOptions::cache` means: $XDG_CACHE_HOME/qprompt or
/// ~/.cache/qprompt.
std::string default_cache_folder();

}  // namespace qprompt
