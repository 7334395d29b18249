#include "base/aten.h"
#include "learner/impl/learners.h"
#include "learner/texts.h"

namespace qprompt::learner {
namespace {

class ConditionalContext final : public Learner {
 public:
  explicit ConditionalContext(const Start& start)
      : Learner(start),
        layout_(std::make_shared<PackedPrompts>(
            pack_classes(start.clip, start.class_names, layout_of(start.options)))) {}

  Values initial_values(Rng& rng) const override {
    const auto& specs = parameters();
    Values values{initial_context(clip(), options(), specs.front().shape, rng)};
    for (size_t i = 1; i < specs.size(); ++i) {
      const int64_t fan_in = specs[i < 3 ? 1 : 3].shape[1];
      values.push_back(random_linear(specs[i].shape, fan_in, rng));
    }
    return values;
  }

  /// Without an image, the context as it is.
  TextSide text(const Values& values, const at::Tensor& image) const override {
    check_values(values, parameters());
    if (!image.defined()) return {layout_, {{0, values[0]}}};
    check_shape(image, {clip().config().embed_dim}, "the image's features");
    const at::Tensor hidden = at::relu(at::mv(values[1], image) + values[2]);  // (H)
    const at::Tensor shift = at::mv(values[3], hidden) + values[4];            // (D)
    return {layout_, {{0, values[0] + shift}}};
  }

 private:
  std::shared_ptr<const PackedPrompts> layout_;
};

}  // namespace

std::unique_ptr<Learner> make_conditional(const Start& start) {
  return std::make_unique<ConditionalContext>(start);
}

}  // namespace qprompt::learner
