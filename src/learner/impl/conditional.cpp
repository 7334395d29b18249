#include "base/aten.h"
#include "prompt/class_text.h"
#include "prompt/learners.h"

namespace qprompt::prompt {
namespace {

class ConditionalContext final : public PromptLearner {
 public:
  ConditionalContext(const Clip& clip, const ClassNames& class_names, const MethodOptions& options)
      : PromptLearner(clip, options, static_cast<int64_t>(class_names.size())),
        clip_(clip),
        packed_(pack_classes(clip, class_names, layout_of(options))) {}

  std::vector<at::Tensor> initial_values(Rng& rng) const override {
    const auto& specs = parameters();
    std::vector<at::Tensor> values{initial_context(clip_, options(), specs.front().shape, rng)};
    for (size_t i = 1; i < specs.size(); ++i) {
      const int64_t fan_in = specs[i < 3 ? 1 : 3].shape[1];
      values.push_back(random_linear(specs[i].shape, fan_in, rng));
    }
    return values;
  }

  /// Without an image, the context as it is.
  PackedPrompts prompts(const std::vector<at::Tensor>& values) const override {
    check_values(values, parameters());
    return prompts_of(values[0]);
  }

  PackedPrompts prompts_for(const std::vector<at::Tensor>& values,
                            const at::Tensor& image) const override {
    check_values(values, parameters());
    check_shape(image, {clip_.config().embed_dim}, "the image's features");
    const at::Tensor hidden = at::relu(at::mv(values[1], image) + values[2]);  // (H)
    const at::Tensor shift = at::mv(values[3], hidden) + values[4];            // (D)
    return prompts_of(values[0] + shift);
  }

 private:
  /// `rows` (M, D).
  PackedPrompts prompts_of(const at::Tensor& rows) const {
    PackedPrompts packed = packed_;
    packed.learned = rows;  // (M, D)
    return packed;
  }

  Clip clip_;
  PackedPrompts packed_;
};

}  // namespace

std::unique_ptr<PromptLearner> make_conditional(const Clip& clip, const ClassNames& class_names,
                                                const MethodOptions& options) {
  return std::make_unique<ConditionalContext>(clip, class_names, options);
}

}  // namespace qprompt::prompt
