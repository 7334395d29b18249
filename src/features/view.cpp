#include "features/view.h"

#include <cstdlib>
#include <cstring>
#include <filesystem>

#include "qprompt/image.h"

namespace qprompt {
namespace fs = std::filesystem;
namespace {

constexpr std::string_view kTransformVersion = "qprompt-transform-1";

uint64_t view_seed(const View& view, const std::string& path) {
  Digest digest;
  digest.update_text(cat(view.seed, " ", view.number));
  digest.update_text(path);
  uint64_t seed = 0;
  std::memcpy(&seed, digest.bytes().data(), sizeof seed);
  return seed;
}

}  // namespace

std::string store_folder(const Clip& clip, const FeatureOptions& options, const View& view) {
  if (options.cache == "none" || options.prompts.learned.defined()) return "";
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
  if (pixels.divisor != 255.0) transform.update_text(cat("divisor ", pixels.divisor));
  if (const TestTransform& cut = clip.config().transform; !view.random && cut != TestTransform{}) {
    transform.update_text(
        cat("cut ", static_cast<int>(cut.resampling), " ", cut.squash, " ", cut.shorter_side));
  }
  return cat(root, "/features/", to_hex(clip.fingerprint()), "/", transform.hex());
}

Digest::Bytes item_key(const std::string& root, const Item& item) {
  const std::string path = (fs::path(root) / item.path).string();
  const std::optional<ImageFileState> state = image_file_state(path);
  if (!state) {
    fail(ErrorKind::kPath, "cannot read the image '", path,
         "': there is no such file; run 'qprompt data check' for the whole list");
  }
  Digest digest;
  digest.update_text(item.path);
  digest.update_text(cat(state->bytes, " ", state->changed));
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
  return (fs::temp_directory_path() / "qprompt-cache").string();
}

}  // namespace qprompt
