#include "qprompt/features.h"

#include <ATen/ATen.h>

#include <atomic>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <thread>

#include "features/store.h"
#include "qprompt/image.h"

namespace qprompt {
namespace fs = std::filesystem;
namespace {

// Every batch has this many images, the last one padded, so that an image's features do not depend
// on how many others a list happens to have: rows made for one list serve every other.
constexpr int64_t kBatch = 16;
constexpr int64_t kImagesPerFile = 64 * kBatch;  // written out at least this often
constexpr std::string_view kTransformVersion = "qprompt-transform-1";

/// One view to be had: the test view, or a seeded random one.
struct View {
  bool random = false;
  uint64_t seed = 0;
  int64_t number = 0;
};

/// What one pass over a list needs.
struct Pass {
  const Clip& clip;
  const std::string& image_root;
  const std::vector<Item>& items;
  const FeatureOptions& options;
  const View view;
};

std::string store_folder(const Clip& clip, const FeatureOptions& options, const View& view) {
  if (options.cache == "none") return "";
  const std::string root = options.cache.empty() ? default_cache_folder() : options.cache;
  Digest transform;
  transform.update_text(std::string(kTransformVersion));
  transform.update_text(cat(clip.config().image_size, view.random ? " random " : " test ",
                            view.random ? cat(view.seed, " ", view.number) : std::string(),
                            options.decode.exif_orientation ? " exif" : ""));
  // The fingerprint leaves out mean and deviation, which are not the model's but its pixels'.
  const Normalization& pixels = clip.config().normalization;
  transform.update(pixels.mean.data(), sizeof pixels.mean);
  transform.update(pixels.std.data(), sizeof pixels.std);
  return cat(root, "/features/", to_hex(clip.fingerprint()), "/", transform.hex());
}

Digest::Bytes item_key(const std::string& root, const Item& item) {
  const fs::path path = fs::path(root) / item.path;
  std::error_code error;
  const auto size = fs::file_size(path, error);
  if (error) {
    fail(ErrorKind::kPath, "cannot read the image '", path.string(), "': ", error.message(),
         "; run 'qprompt data check' for the whole list");
  }
  const auto changed = fs::last_write_time(path, error).time_since_epoch().count();
  Digest digest;
  digest.update_text(item.path);
  digest.update_text(cat(size, " ", changed));
  return digest.bytes();
}

/// Draws depend on the seed, the view and the item only, so that lists of items can share views.
uint64_t view_seed(const View& view, const std::string& path) {
  Digest digest;
  digest.update_text(cat(view.seed, " ", view.number));
  digest.update_text(path);
  uint64_t seed = 0;
  std::memcpy(&seed, digest.bytes().data(), sizeof seed);
  return seed;
}

at::Tensor load_pixels(const Pass& pass, const Item& item) {
  const int64_t size = pass.clip.config().image_size;
  const Image image =
      read_image((fs::path(pass.image_root) / item.path).string(), pass.options.decode);
  if (!pass.view.random) return to_pixels(test_view(image, size), pass.clip.config().normalization);
  Rng rng(view_seed(pass.view, item.path));
  return to_pixels(train_view(image, size, rng), pass.clip.config().normalization);
}

/// The pixels of a batch, decoded side by side; an empty tensor and a reason where that failed.
struct Batch {
  std::vector<at::Tensor> pixels;    // each (3, R, R) or undefined
  std::vector<std::string> reasons;  // empty where decoded
};

Batch decode_batch(const Pass& pass, const std::vector<int64_t>& indices) {
  Batch batch{std::vector<at::Tensor>(indices.size()), std::vector<std::string>(indices.size())};
  std::atomic<size_t> next{0};
  const auto work = [&] {
    for (size_t i = next++; i < indices.size(); i = next++) {
      try {
        batch.pixels[i] = load_pixels(pass, pass.items[static_cast<size_t>(indices[i])]);
      } catch (const std::exception& e) {
        batch.reasons[i] = e.what();
      }
    }
  };
  std::vector<std::thread> helpers;
  for (int64_t t = 1; t < pass.options.threads; ++t) helpers.emplace_back(work);
  work();
  for (std::thread& helper : helpers) helper.join();
  return batch;
}

/// One view of a whole list.
struct ViewRows {
  at::Tensor rows;                   // (n, E)
  std::vector<std::string> reasons;  // n, empty where the row is good
  int64_t encoded = 0;
};

/// Encodes one batch into `out`; returns the list indices whose rows are now good.
std::vector<int64_t> encode_batch(const Pass& pass, const std::vector<int64_t>& indices,
                                  ViewRows& out) {
  const Batch batch = decode_batch(pass, indices);
  std::vector<at::Tensor> good;  // each (3, R, R)
  std::vector<int64_t> good_indices;
  for (size_t i = 0; i < indices.size(); ++i) {
    if (batch.pixels[i].defined()) {
      good.push_back(batch.pixels[i]);
      good_indices.push_back(indices[i]);
    } else if (pass.options.skip_broken) {
      out.reasons[static_cast<size_t>(indices[i])] = batch.reasons[i];
    } else {
      fail(ErrorKind::kContent, batch.reasons[i]);
    }
  }
  if (good.empty()) return {};
  const auto n = static_cast<int64_t>(good.size());
  while (static_cast<int64_t>(good.size()) < kBatch) good.push_back(good.front());
  const at::Tensor features = pass.clip.encode_image(at::stack(good)).cpu();  // (kBatch, E)
  out.rows.index_copy_(0, at::tensor(good_indices, at::kLong), features.narrow(0, 0, n));
  out.encoded += n;
  return good_indices;
}

/// What the store lacks: keys of the whole list, and the list's indices to encode.
struct Missing {
  std::vector<Digest::Bytes> keys;
  std::vector<int64_t> indices;
};

/// Encodes what the store lacks, keeping it as it comes so that a kill loses little.
void encode_missing(const Pass& pass, const Missing& missing, FeatureStore& store, ViewRows& out,
                    Log& log) {
  const auto total = static_cast<int64_t>(missing.indices.size());
  std::vector<int64_t> unsaved;
  const auto save = [&] {
    std::vector<Digest::Bytes> new_keys;
    for (int64_t i : unsaved) new_keys.push_back(missing.keys[static_cast<size_t>(i)]);
    store.add(new_keys, out.rows.index_select(0, at::tensor(unsaved, at::kLong)), log);
    unsaved.clear();
  };
  for (int64_t begin = 0; begin < total; begin += kBatch) {
    const int64_t end = std::min(total, begin + kBatch);
    const std::vector<int64_t> good =
        encode_batch(pass, {missing.indices.begin() + begin, missing.indices.begin() + end}, out);
    unsaved.insert(unsaved.end(), good.begin(), good.end());
    if (static_cast<int64_t>(unsaved.size()) >= kImagesPerFile) save();
    log.progress("encoding images", end, total);
  }
  save();
}

/// One view of a whole list: rows that are cached are read, the others made.
ViewRows one_view(const Pass& pass, Log& log) {
  const auto n = static_cast<int64_t>(pass.items.size());
  const int64_t width = pass.clip.config().embed_dim;
  FeatureStore store(store_folder(pass.clip, pass.options, pass.view), width, log);
  ViewRows out{at::zeros({n, width}, at::kFloat), std::vector<std::string>(pass.items.size()), 0};
  Missing missing{std::vector<Digest::Bytes>(pass.items.size()), {}};
  for (int64_t i = 0; i < n; ++i) {
    const auto at_i = static_cast<size_t>(i);
    try {
      missing.keys[at_i] = item_key(pass.image_root, pass.items[at_i]);
    } catch (const Error& e) {
      if (!pass.options.skip_broken) throw;
      out.reasons[at_i] = e.what();
      continue;
    }
    if (!store.find(missing.keys[at_i], out.rows.data_ptr<float>() + i * width))
      missing.indices.push_back(i);
  }
  encode_missing(pass, missing, store, out, log);
  return out;
}

}  // namespace

FeatureSet test_features(const Clip& clip, const std::string& image_root,
                         const std::vector<Item>& items, const FeatureOptions& options, Log& log) {
  const at::NoGradGuard no_grad;
  ViewRows view = one_view({clip, image_root, items, options, View{}}, log);
  FeatureSet set;
  set.encoded = view.encoded;
  for (size_t i = 0; i < items.size(); ++i) {
    if (view.reasons[i].empty()) {
      set.kept.push_back(static_cast<int64_t>(i));
    } else {
      set.failed.push_back(view.reasons[i]);
    }
  }
  set.features =
      view.rows.index_select(0, at::tensor(set.kept, at::kLong)).unsqueeze(0);  // (1, N, E)
  return set;
}

FeatureSet train_features(const Clip& clip, const Split& split, const ViewOptions& views,
                          const FeatureOptions& options, Log& log) {
  const at::NoGradGuard no_grad;
  FeatureOptions strict = options;
  strict.skip_broken = false;  // training on fewer images than were asked for would hide an error
  FeatureSet set;
  std::vector<at::Tensor> all;  // V of (N, E)
  for (int64_t v = 0; v < views.views; ++v) {
    ViewRows view =
        one_view({clip, split.image_root, split.train, strict, View{true, views.seed, v}}, log);
    set.encoded += view.encoded;
    all.push_back(view.rows);
  }
  set.features = at::stack(all);  // (V, N, E)
  for (size_t i = 0; i < split.train.size(); ++i) set.kept.push_back(static_cast<int64_t>(i));
  return set;
}

std::string default_cache_folder() {
  if (const char* xdg = std::getenv("XDG_CACHE_HOME"); xdg != nullptr && *xdg != '\0') {
    return std::string(xdg) + "/qprompt";
  }
  if (const char* home = std::getenv("HOME"); home != nullptr && *home != '\0') {
    return std::string(home) + "/.cache/qprompt";
  }
  return (fs::temp_directory_path() / "qprompt-cache").string();
}

}  // namespace qprompt
