#include "prompt/class_text.h"
#include "base/aten.h"
#include "prompt/learners.h"

namespace qprompt::prompt {
namespace {

constexpr int64_t kBottleneck = 16;  // the hidden layer is a 16th of the joint width

class CoCoOp final : public PromptLearner {
 public:
  CoCoOp(const Clip& clip, std::unique_ptr<PromptLearner> coop)
      : coop_(std::move(coop)), joint_(clip.config().embed_dim), width_(clip.config().text_width) {}

  int64_t n_ctx() const override { return coop_->n_ctx(); }
  bool conditional() const override { return true; }

  std::vector<ParameterSpec> parameters() const override {
    const int64_t hidden = std::max<int64_t>(1, joint_ / kBottleneck);  // H
    return {coop_->parameters().front(),
            {"meta.1.weight", {hidden, joint_}},
            {"meta.1.bias", {hidden}, false},
            {"meta.2.weight", {width_, hidden}},
            {"meta.2.bias", {width_}, false}};
  }

  std::vector<at::Tensor> initial_values(Rng& rng) const override {
    std::vector<at::Tensor> values = coop_->initial_values(rng);
    const auto specs = parameters();
    for (size_t i = 1; i < specs.size(); ++i) {
      const int64_t fan_in = specs[i < 3 ? 1 : 3].shape[1];
      values.push_back(random_linear(specs[i].shape, fan_in, rng));
    }
    return values;
  }

  /// Without an image, the context as it is.
  PackedPrompts prompts(const std::vector<at::Tensor>& values) const override {
    check_values(values, parameters());
    return coop_->prompts({values[0]});
  }

  PackedPrompts prompts_for(const std::vector<at::Tensor>& values,
                            const at::Tensor& image) const override {
    check_values(values, parameters());
    check_shape(image, {joint_}, "the image's features");
    const at::Tensor hidden = at::relu(at::mv(values[1], image) + values[2]);  // (H)
    const at::Tensor shift = at::mv(values[3], hidden) + values[4];            // (D)
    return coop_->prompts({values[0] + shift});
  }

 private:
  std::unique_ptr<PromptLearner> coop_;
  int64_t joint_, width_;  // E, D
};

}  // namespace

std::unique_ptr<PromptLearner> make_cocoop(const Clip& clip,
                                           const std::vector<std::string>& class_names,
                                           const ContextOptions& options) {
  if (options.class_specific) {
    fail(ErrorKind::kUsage, "CoCoOp has one context for all classes; leave out --class-specific");
  }
  return std::make_unique<CoCoOp>(clip, make_coop(clip, class_names, options));
}

}  // namespace qprompt::prompt
