#include <atomic>
#include <filesystem>

#include "base/aten.h"
#include "features/impl/view.h"
#include "qprompt/features.h"

namespace qprompt {
namespace fs = std::filesystem;

struct TrainingPixels::Impl {
  Clip clip;
  std::string image_root;
  std::vector<Item> items;
  Options options;
  std::vector<Image>
      kept;  // of each item: the whole image, or its test view; empty where it is not
  std::atomic<int64_t> bytes{0};

  /// The image of an item, kept for the next time where there is room for it. Of the test view,
  /// nothing but the view is ever needed.
  Image image_of(size_t i) {
    if (!kept[i].rgb.empty()) return kept[i];
    Image image = read_image((fs::path(image_root) / items[i].path).string(), options.decode);
    const ClipConfig& config = clip.config();
    if (options.views == 0) image = test_view(image, config.image_size, config.transform);
    const auto size = static_cast<int64_t>(image.rgb.size());
    if ((bytes += size) <= options.memory_mb << 20) {
      kept[i] = image;
    } else {
      bytes -= size;
    }
    return image;
  }

  at::Tensor pixels_of(size_t i, int64_t view) {
    const ClipConfig& config = clip.config();
    Image image = image_of(i);
    if (options.views != 0) {
      const View random{true, options.seed, view % options.views};
      image = cut_view(image, items[i].path, random, config);
    }
    return to_pixels(image, config.normalization);
  }
};

TrainingPixels::TrainingPixels(const Clip& clip, const std::string& image_root,
                               const std::vector<Item>& items, const Options& options)
    : impl_(new Impl{clip, image_root, items, options, std::vector<Image>(items.size())}) {}

at::Tensor TrainingPixels::batch(const std::vector<int64_t>& items, int64_t view) const {
  std::vector<at::Tensor> pixels(items.size());  // (3, R, R)
  // An image is one thread's: no two entries of a batch are the same item.
  at::parallel_for(0, static_cast<int64_t>(items.size()), 1, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      const auto at = static_cast<size_t>(i);
      pixels[at] = impl_->pixels_of(static_cast<size_t>(items[at]), view);
    }
  });
  return at::stack(pixels);
}

int64_t TrainingPixels::kept_bytes() const { return impl_->bytes; }

}  // namespace qprompt
