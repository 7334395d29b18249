#include "qprompt/features.h"

#include <filesystem>

#include "base/aten.h"
#include "features/store.h"
#include "features/stream.h"
#include "features/view.h"
#include "qprompt/image.h"

namespace qprompt {
namespace {

// Every batch has this many images, the last one padded, so that an image's features do not depend
// on how many others a list happens to have: rows made for one list serve every other.
constexpr int64_t kBatch = 16;
constexpr int64_t kImagesPerFile = 64 * kBatch;  // written out at least this often
// Without a cache, where the last bits may depend on how many images are asked for at once.
constexpr int64_t kUncachedBatch = 8;

/// What one pass over a list needs.
struct Pass {
  const Clip& clip;
  const std::string& image_root;
  const std::vector<Item>& items;
  const FeatureOptions& options;
  const View view;
};

/// One view of a whole list.
struct ViewRows {
  at::Tensor rows;                   // (n, E)
  std::vector<std::string> reasons;  // n, empty where the row is good
  int64_t encoded = 0;
};

/// What the store lacks: keys of the whole list, and the list's indices to encode.
struct Missing {
  std::vector<Digest::Bytes> keys;
  std::vector<int64_t> indices;
};

/// Encodes what the store lacks, keeping it as it comes so that a kill loses little.
void encode_missing(const Pass& pass, const Missing& missing, FeatureStore& store, ViewRows& out,
                    Log& log) {
  const auto total = static_cast<int64_t>(missing.indices.size());
  const ViewSource views{pass.clip, pass.image_root, pass.options.decode, pass.view};
  std::vector<int64_t> unsaved;
  const auto save = [&] {
    std::vector<Digest::Bytes> new_keys;
    for (int64_t i : unsaved) new_keys.push_back(missing.keys[static_cast<size_t>(i)]);
    store.add(new_keys, out.rows.index_select(0, at::tensor(unsaved, at::kLong)), log);
    unsaved.clear();
  };
  const auto index = [&](int64_t i) { return missing.indices[static_cast<size_t>(i)]; };
  const auto use = [&](int64_t i, const Encoded& encoded) {
    if (encoded.features.defined()) {
      out.rows[index(i)].copy_(encoded.features);
      ++out.encoded;
      unsaved.push_back(index(i));
    } else if (pass.options.skip_broken) {
      out.reasons[static_cast<size_t>(index(i))] = encoded.reason;
    } else {
      save();
      fail(encoded.kind, encoded.reason);
    }
    if (static_cast<int64_t>(unsaved.size()) >= kImagesPerFile) save();
    log.progress("encoding images", i + 1, total);
  };
  const auto load = [&](int64_t i) {
    return views.pixels(pass.items[static_cast<size_t>(index(i))]);
  };
  encode_stream(pass.clip, {total, load},
                {kBatch, true, pass.options.threads, pass.options.prompts}, use);
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
  FeatureSet set;
  std::vector<at::Tensor> all;  // V of (N, E)
  std::vector<std::string> reasons(split.train.size());
  for (int64_t v = 0; v < views.views; ++v) {
    ViewRows view =
        one_view({clip, split.image_root, split.train, options, View{true, views.seed, v}}, log);
    set.encoded += view.encoded;
    all.push_back(view.rows);
    for (size_t i = 0; i < reasons.size(); ++i) {
      if (reasons[i].empty()) reasons[i] = view.reasons[i];
    }
  }
  for (size_t i = 0; i < reasons.size(); ++i) {
    if (reasons[i].empty()) {
      set.kept.push_back(static_cast<int64_t>(i));
    } else {
      set.failed.push_back(reasons[i]);
    }
  }
  set.features = at::stack(all).index_select(1, at::tensor(set.kept, at::kLong));  // (V, N, E)
  return set;
}

void encode_files(const Clip& clip, const std::vector<std::string>& paths,
                  const FeatureOptions& options,
                  const std::function<void(size_t, const FileFeatures&)>& use) {
  const auto load = [&](int64_t i) {
    const Image image = read_image(paths[static_cast<size_t>(i)], options.decode);
    const ClipConfig& config = clip.config();
    return to_pixels(test_view(image, config.image_size, config.transform), config.normalization);
  };
  encode_stream(clip, {static_cast<int64_t>(paths.size()), load},
                {kUncachedBatch, false, options.threads, options.prompts},
                [&](int64_t i, const Encoded& encoded) {
                  use(static_cast<size_t>(i), {encoded.features, encoded.reason, encoded.kind});
                });
}

}  // namespace qprompt
