#include "base/aten.h"
#include "learner/impl/learners.h"
#include "learner/texts.h"

namespace qprompt::learner {
namespace {

class Context final : public Learner {
 public:
  explicit Context(const Start& start) : Learner(start) {
    TextLayout layout = layout_of(start.options);
    PackedPrompts packed;
    if (!start.options.flag("class-specific")) {
      packed = pack_classes(start.clip, start.class_names, layout);
    } else {
      std::vector<std::vector<PackedRow>> texts;
      for (const std::string& name : start.class_names) {
        texts.push_back(class_rows(start.clip, name, layout));
        layout.first += layout.n_ctx;
      }
      packed = pack_prompts(texts);
    }
    layout_ = std::make_shared<PackedPrompts>(std::move(packed));
  }

  Values initial_values(Rng& rng) const override {
    return {initial_context(clip(), options(), parameters().front().shape, rng)};
  }

  TextSide text(const Values& values, const at::Tensor&) const override {
    check_values(values, parameters());
    return {layout_, {{0, values[0]}}};
  }

 private:
  std::shared_ptr<const PackedPrompts> layout_;
};

}  // namespace

std::unique_ptr<Learner> make_context(const Start& start) {
  return std::make_unique<Context>(start);
}

}  // namespace qprompt::learner
