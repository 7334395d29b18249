#include "qprompt/features.h"

#include <filesystem>

#include "base/aten.h"
#include "features/impl/cache_folder.h"
#include "features/impl/contents.h"
#include "features/image_contents.h"
#include "features/impl/store.h"
#include "features/impl/stream.h"
#include "features/impl/view.h"
#include "qprompt/image.h"

namespace qprompt {
namespace {

constexpr int64_t kBatch = 16;
constexpr int64_t kImagesPerFile = 64 * kBatch;  // written out at least this often
constexpr int64_t kUncachedBatch = 8;

/// What the files of a list hold; nothing of it is known where nothing is kept.
struct ListContents {
  std::vector<Digest::Bytes> digests;  // n
  std::vector<std::string> reasons;    // n, empty where the file could be read
};

/// What one pass over a list needs.
struct Pass {
  const Clip& clip;
  const std::string& image_root;
  const std::vector<Item>& items;
  const FeatureOptions& options;
  const std::string& cache;  // the cache's folder; empty: nothing is kept
  const ListContents& contents;
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
void encode_missing(const Pass& pass, const Missing& missing, RowStore& store, ViewRows& out,
                    Log& log) {
  const auto total = static_cast<int64_t>(missing.indices.size());
  const ViewSource views{pass.clip, pass.image_root, pass.options.decode, pass.view};
  std::vector<int64_t> unsaved;
  const auto save = [&] {
    std::vector<Digest::Bytes> new_keys;
    for (int64_t i : unsaved) new_keys.push_back(missing.keys[static_cast<size_t>(i)]);
    const at::Tensor rows = out.rows.index_select(0, at::tensor(unsaved, at::kLong));  // (n, E)
    store.add(new_keys, rows.view(at::kByte), log);
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
    Observer* observer = pass.options.observer;
    if (observer == nullptr) return log.progress("encoding images", i + 1, total);
    const Stop stop = observer->step("encoding images", i + 1, total);
    if (stop == Stop::kNo) return;
    save();  // what was encoded is not encoded again
    throw stopped(stop, cat(i + 1, " of ", total, " images were encoded"));
  };
  const auto load = [&](int64_t i) {
    return views.pixels(pass.items[static_cast<size_t>(index(i))]);
  };
  encode_stream(pass.clip, {total, load}, {kBatch, pass.options.threads, pass.options.prompts},
                use);
  save();
}

/// One view of a whole list: rows that are cached are read, the others made.
ViewRows one_view(const Pass& pass, Log& log) {
  const auto n = static_cast<int64_t>(pass.items.size());
  const int64_t width = pass.clip.config().embed_dim;
  const auto row_bytes = width * static_cast<int64_t>(sizeof(float));
  RowStore store(store_folder(pass.clip, pass.options, pass.view, pass.cache), row_bytes, log);
  ViewRows out{at::zeros({n, width}, at::kFloat), std::vector<std::string>(pass.items.size()), 0};
  Missing missing{std::vector<Digest::Bytes>(pass.items.size()), {}};
  for (int64_t i = 0; i < n; ++i) {
    const auto at_i = static_cast<size_t>(i);
    if (store.keeps()) {
      out.reasons[at_i] = pass.contents.reasons[at_i];
      if (!out.reasons[at_i].empty()) continue;
      missing.keys[at_i] = row_key(pass.contents.digests[at_i], pass.items[at_i], pass.view);
      if (store.find(missing.keys[at_i], out.rows.data_ptr<float>() + i * width)) continue;
    }
    missing.indices.push_back(i);
  }
  encode_missing(pass, missing, store, out, log);
  if (store.keeps() && out.encoded > 0) trim_cache(pass.cache, pass.options.cache_mb << 20);
  return out;
}

/// The folder to keep rows in; empty where nothing is kept.
std::string open_cache(const FeatureOptions& options, Log& log) {
  if (options.cache == "none" || options.prompts.learned.defined()) return "";
  const std::string root = options.cache.empty() ? default_cache_folder() : options.cache;
  return open_cache_folder(root, log) ? root : "";
}

/// Throws kPath for a file that cannot be read, unless broken ones are skipped.
ListContents read_contents(const std::string& cache, const std::string& image_root,
                           const std::vector<Item>& items, const FeatureOptions& options,
                           Log& log) {
  ListContents list{std::vector<Digest::Bytes>(items.size()),
                    std::vector<std::string>(items.size())};
  if (cache.empty()) return list;
  Contents contents(contents_folder(cache, image_root), image_root, log);
  for (size_t i = 0; i < items.size(); ++i) {
    try {
      list.digests[i] = contents.digest(items[i].path);
    } catch (const Error& e) {
      if (!options.skip_broken) throw;
      list.reasons[i] = e.what();
    }
  }
  contents.save(log);
  return list;
}

}  // namespace

std::vector<std::string> image_contents(const std::string& image_root,
                                        const std::vector<Item>& items,
                                        const FeatureOptions& options) {
  Log quiet;  // the pass over the images says what is wrong with the cache
  const std::string cache = open_cache(options, quiet);
  const std::string folder = cache.empty() ? "" : contents_folder(cache, image_root);
  Contents contents(folder, image_root, quiet);
  std::vector<std::string> out;
  out.reserve(items.size());
  for (const Item& item : items) {
    try {
      out.push_back(to_hex(contents.digest(item.path)));
    } catch (const Error&) {
      out.emplace_back("unreadable");  // who needs the image says why
    }
  }
  contents.save(quiet);
  return out;
}

FeatureSet test_features(const Clip& clip, const std::string& image_root,
                         const std::vector<Item>& items, const FeatureOptions& options, Log& log) {
  const at::NoGradGuard no_grad;
  const std::string cache = open_cache(options, log);
  const ListContents contents = read_contents(cache, image_root, items, options, log);
  ViewRows view = one_view({clip, image_root, items, options, cache, contents, View{}}, log);
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
  const std::string cache = open_cache(options, log);
  const ListContents contents = read_contents(cache, split.image_root, split.train, options, log);
  FeatureSet set;
  std::vector<at::Tensor> all;  // V of (N, E)
  std::vector<std::string> reasons(split.train.size());
  for (int64_t v = 0; v < views.views; ++v) {
    ViewRows view = one_view(
        {clip, split.image_root, split.train, options, cache, contents, View{true, views.seed, v}},
        log);
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
                {kUncachedBatch, options.threads, options.prompts},
                [&](int64_t i, const Encoded& encoded) {
                  use(static_cast<size_t>(i), {encoded.features, encoded.reason, encoded.kind});
                });
}

}  // namespace qprompt
