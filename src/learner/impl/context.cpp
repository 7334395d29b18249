#include "base/aten.h"
#include "prompt/class_text.h"
#include "prompt/learners.h"

namespace qprompt::prompt {
namespace {

class Context final : public PromptLearner {
 public:
  Context(const Clip& clip, const ClassNames& class_names, const MethodOptions& options)
      : PromptLearner(clip, options, static_cast<int64_t>(class_names.size())), clip_(clip) {
    TextLayout layout = layout_of(options);
    if (!options.flag("class-specific")) {
      packed_ = pack_classes(clip, class_names, layout);
      return;
    }
    std::vector<std::vector<PackedRow>> texts;
    for (const std::string& name : class_names) {
      texts.push_back(class_rows(clip, name, layout));
      layout.first += layout.n_ctx;
    }
    packed_ = pack_prompts(texts);
  }

  std::vector<at::Tensor> initial_values(Rng& rng) const override {
    return {initial_context(clip_, options(), parameters().front().shape, rng)};
  }

  PackedPrompts prompts(const std::vector<at::Tensor>& values) const override {
    check_values(values, parameters());
    PackedPrompts packed = packed_;
    packed.learned = values[0].reshape({-1, clip_.config().text_width});  // (M, D) or (C·M, D)
    return packed;
  }

 private:
  Clip clip_;
  PackedPrompts packed_;
};

}  // namespace

std::unique_ptr<PromptLearner> make_context(const Clip& clip, const ClassNames& class_names,
                                            const MethodOptions& options) {
  return std::make_unique<Context>(clip, class_names, options);
}

}  // namespace qprompt::prompt
