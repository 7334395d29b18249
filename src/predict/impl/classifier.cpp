#include "predict/classifier.h"

#include <algorithm>

#include "base/aten.h"

namespace qprompt {

Classifier::Classifier(const Clip& clip, const TrainedPrompt& prompt)
    : Classifier(clip, prompt, prompt.class_names) {}

Classifier::Classifier(const Clip& clip, const TrainedPrompt& prompt,
                       std::vector<std::string> class_names)
    : clip_(clip), names_(std::move(class_names)) {
  if (names_.empty()) {
    fail(ErrorKind::kUsage,
         "this prompt's file does not name its classes; give their names (--labels)");
  }
  prompted_.emplace(clip, prompt, names_);
}

Classifier::Classifier(const Clip& clip, const std::vector<std::string>& templates,
                       std::vector<std::string> class_names)
    : clip_(clip),
      names_(std::move(class_names)),
      classes_(zero_shot_matrix(clip, names_, templates).cpu()) {}

std::vector<std::vector<Answer>> Classifier::classify(const at::Tensor& pixels, int64_t top) const {
  const at::NoGradGuard no_grad;
  const int64_t size = clip_.config().image_size;
  check_shape(pixels, {-1, 3, size, size}, "pixels");
  return classify_features(clip_.encode_image(pixels, image_prompts()).cpu(), top);
}

ImagePrompts Classifier::image_prompts() const {
  return prompted_ ? prompted_->image_prompts() : ImagePrompts{};
}

at::Tensor Classifier::logits(const at::Tensor& features) const {
  return prompted_ ? prompted_->logits(features) : class_logits(clip_, features, classes_);
}

std::vector<std::vector<Answer>> Classifier::classify_features(const at::Tensor& features,
                                                               int64_t top) const {
  const at::NoGradGuard no_grad;
  check_shape(features, {-1, clip_.config().embed_dim}, "image features");
  const at::Tensor scores = logits(features);  // (B, C)
  check_finite(scores, "the logits that this model and prompt give");
  const at::Tensor probabilities = scores.softmax(1);  // (B, C)
  const int64_t k = std::clamp<int64_t>(top, 1, static_cast<int64_t>(names_.size()));
  auto [values, indices] = probabilities.topk(k, 1);  // (B, k) each
  std::vector<std::vector<Answer>> answers(static_cast<size_t>(features.size(0)));
  for (size_t b = 0; b < answers.size(); ++b) {
    for (int64_t j = 0; j < k; ++j) {
      const int64_t label = indices[int64_t(b)][j].item<int64_t>();
      answers[b].push_back(
          {label, names_[static_cast<size_t>(label)], values[int64_t(b)][j].item<double>()});
    }
  }
  return answers;
}

std::vector<Answer> Classifier::classify_file(const std::string& path, int64_t top,
                                              const DecodeOptions& options) const {
  const ClipConfig& config = clip_.config();
  const Image image = test_view(read_image(path, options), config.image_size, config.transform);
  return classify(to_pixels(image, clip_.config().normalization).unsqueeze(0), top).front();
}

}  // namespace qprompt
