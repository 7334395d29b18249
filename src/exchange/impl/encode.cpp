#include "exchange/encode.h"

#include <algorithm>

#include "base/aten.h"
#include "learner/texts.h"

namespace qprompt {
namespace {

constexpr size_t kImagesAtOnce = 16, kTextsAtOnce = 256;

/// [begin, begin + at_once) of a list, or what is left of it.
std::vector<std::string> slice(const std::vector<std::string>& list, size_t begin, size_t at_once) {
  const auto at = [&](size_t i) { return list.begin() + static_cast<std::ptrdiff_t>(i); };
  return {at(begin), at(std::min(list.size(), begin + at_once))};
}

}  // namespace

EncodedImages encode_image_files(const Clip& clip, const std::vector<std::string>& paths,
                                 const DecodeOptions& decode, bool keep_pixels,
                                 Observer* observer) {
  const at::NoGradGuard no_grad;
  std::vector<at::Tensor> features, kept;
  for (size_t begin = 0; begin < paths.size(); begin += kImagesAtOnce) {
    std::vector<at::Tensor> batch;  // each (3, R, R)
    for (const std::string& path : slice(paths, begin, kImagesAtOnce)) {
      const ClipConfig& config = clip.config();
      const Image view = test_view(read_image(path, decode), config.image_size, config.transform);
      batch.push_back(to_pixels(view, clip.config().normalization));
    }
    const at::Tensor pixels = at::stack(batch);  // (B, 3, R, R)
    features.push_back(clip.encode_image(pixels).cpu());
    if (keep_pixels) kept.push_back(pixels);
    ask(observer, "encoding images", static_cast<int64_t>(begin + batch.size()),
        static_cast<int64_t>(paths.size()));
  }
  return {at::cat(features), keep_pixels ? at::cat(kept) : at::Tensor()};
}

at::Tensor encode_text_list(const Clip& clip, const std::vector<std::string>& texts) {
  const at::NoGradGuard no_grad;
  std::vector<at::Tensor> features;  // each (B, E)
  for (size_t begin = 0; begin < texts.size(); begin += kTextsAtOnce) {
    features.push_back(clip.encode_text(pack_texts(clip, slice(texts, begin, kTextsAtOnce))).cpu());
  }
  return at::cat(features);  // (N, E)
}

}  // namespace qprompt
