#include <algorithm>

#include "base/aten.h"
#include "learner/impl/learners.h"
#include "learner/texts.h"

namespace qprompt::learner {
namespace {

/// What is learned where, as the row's tensors and the options say.
struct DeepForm {
  int64_t text_rows = 0, text_depth = 0;  // M, J; 0 where the texts are fixed
  int64_t vision_depth = 0;               // of the image tower; 0 where it takes none
  bool projected = false;                 // vision rows are projections of the text's
  std::vector<int64_t> words;             // tokens behind the learned rows
  std::vector<int64_t> start;             // tokens that the first rows start from; or none
};

bool has_tensor(const std::vector<ParameterSpec>& tensors, const std::string& name) {
  return std::any_of(tensors.begin(), tensors.end(),
                     [&](const ParameterSpec& tensor) { return tensor.name == name; });
}

class Deep final : public Learner {
 public:
  explicit Deep(const Start& start) : Learner(start) {
    const MethodOptions& options = start.options;
    const int64_t depth = options.whole("depth");
    if (has_tensor(parameters(), "ctx")) {
      form_.text_rows = options.whole("n-ctx");
      form_.text_depth = depth;
    }
    form_.projected = has_tensor(parameters(), "proj.0.weight");
    if (form_.projected || has_tensor(parameters(), "vision.0")) {
      form_.vision_depth = options.whole_or("vision-depth", depth);
    }
    share_words(start.clip.tokenizer().encode(options.text("init")));
    layout_ = std::make_shared<PackedPrompts>(
        pack_classes(start.clip, start.class_names, {0, form_.text_rows, form_.words}));
  }

  Values initial_values(Rng& rng) const override {
    const auto& specs = parameters();
    const auto texts = static_cast<size_t>(form_.text_depth);
    Values values;
    for (size_t i = 0; i < specs.size(); ++i) {
      if (i == 0 && !form_.start.empty()) {
        values.push_back(clip().token_embeddings(form_.start));  // (M, D)
      } else if (i < texts || !form_.projected) {
        values.push_back(random_rows(specs[i].shape, rng));
      } else if (i < texts + 4) {
        values.push_back(random_linear(specs[i].shape, clip().config().text_width, rng));
      } else {
        values.push_back(values[i - 2].clone());  // deeper projections start as copies of one
      }
    }
    return values;
  }

  TextSide text(const Values& values, const at::Tensor&) const override {
    check_values(values, parameters());
    TextSide side{layout_, {}};
    for (int64_t block = 0; block < form_.text_depth; ++block) {
      side.edits.push_back({block, values[static_cast<size_t>(block)]});
    }
    return side;
  }

  ImageSide image(const Values& values) const override {
    check_values(values, parameters());
    ImageSide side;
    for (int64_t block = 0; block < form_.vision_depth; ++block) {
      const auto at_block = static_cast<size_t>(block),
                 texts = static_cast<size_t>(form_.text_depth);
      if (form_.projected) {
        const size_t layer = texts + 2 * at_block;
        side.edits.push_back(
            {block, at::mm(values[at_block], values[layer].t()) + values[layer + 1]});
      } else {
        side.edits.push_back({block, values[texts + at_block]});
      }
    }
    return side;
  }

 private:
  /// Learned rows start from the first words; the others stay, before the class name.
  void share_words(const std::vector<int64_t>& words) {
    const auto learned =
        words.begin() + std::min(static_cast<int64_t>(words.size()), form_.text_rows);
    form_.start.assign(words.begin(), learned);
    form_.words.assign(learned, words.end());
  }

  DeepForm form_;
  std::shared_ptr<const PackedPrompts> layout_;
};

}  // namespace

std::unique_ptr<Learner> make_deep(const Start& start) { return std::make_unique<Deep>(start); }

}  // namespace qprompt::learner
