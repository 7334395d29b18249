#include "features/impl/view.h"

#include <unistd.h>
#include <cstdlib>
#include <cstring>

#include <filesystem>

#include "base/numerics.h"
#include "qprompt/image.h"

namespace qprompt {
namespace fs = std::filesystem;
namespace {

/// Of the cache's keys and files; with another one, older files are not met and go with time.
constexpr std::string_view kCacheVersion = "qprompt-cache-2";

uint64_t view_seed(const View& view, const std::string& path) {
  Digest digest;
  digest.update_text(cat(view.seed, " ", view.number));
  digest.update_text(path);
  uint64_t seed = 0;
  std::memcpy(&seed, digest.bytes().data(), sizeof seed);
  return seed;
}

}  // namespace

std::string store_folder(const Clip& clip, const FeatureOptions& options, const View& view,
                         const std::string& cache) {
  if (cache.empty()) return "";
  Digest making;
  making.update_text(std::string(kCacheVersion));
  making.update_text(cat(clip.config().image_size, view.random ? " random " : " test ",
                         view.random ? cat(view.seed, " ", view.number) : std::string(),
                         options.decode.exif_orientation ? " exif" : ""));
  making.update_text(cat(clip.dtype(), " ", Clip::product(), " ", kNumerics));
  // The fingerprint leaves out mean and deviation, which are not the model's but its pixels'.
  const Normalization& pixels = clip.config().normalization;
  making.update(pixels.mean.data(), sizeof pixels.mean);
  making.update(pixels.std.data(), sizeof pixels.std);
  if (pixels.divisor != 255.0) making.update_text(cat("divisor ", pixels.divisor));
  if (const TestTransform& cut = clip.config().transform; !view.random && cut != TestTransform{}) {
    making.update_text(
        cat("cut ", static_cast<int>(cut.resampling), " ", cut.squash, " ", cut.shorter_side));
  }
  return cat(cache, "/features/", to_hex(clip.fingerprint()), "/", making.hex());
}

std::string contents_folder(const std::string& cache, const std::string& image_root) {
  Digest root;
  root.update_text(std::string(kCacheVersion));
  root.update_text(fs::absolute(image_root).lexically_normal().string());
  return cat(cache, "/contents/", root.hex());
}

Digest::Bytes row_key(const Digest::Bytes& content, const Item& item, const View& view) {
  if (!view.random) return content;
  Digest digest;
  digest.update(content.data(), content.size());
  digest.update_text(item.path);
  return digest.bytes();
}

Image cut_view(const Image& image, const std::string& path, const View& view,
               const ClipConfig& config) {
  if (!view.random) return test_view(image, config.image_size, config.transform);
  Rng rng(view_seed(view, path));
  return train_view(image, config.image_size, rng);
}

at::Tensor ViewSource::pixels(const Item& item) const {
  const Image image = read_image((fs::path(image_root) / item.path).string(), decode);
  const ClipConfig& config = clip.config();
  return to_pixels(cut_view(image, item.path, view, config), config.normalization);
}

std::string default_cache_folder() {
  if (const char* xdg = std::getenv("XDG_CACHE_HOME"); xdg != nullptr && *xdg != '\0') {
    return std::string(xdg) + "/qprompt";
  }
  if (const char* home = std::getenv("HOME"); home != nullptr && *home != '\0') {
    return std::string(home) + "/.cache/qprompt";
  }
  return (fs::temp_directory_path() / cat("qprompt-cache-", ::geteuid())).string();
}

}  // namespace qprompt
