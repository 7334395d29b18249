#include "prompt/class_text.h"
#include "base/aten.h"
#include "prompt/learners.h"

namespace qprompt::prompt {
namespace {

/// What is learned where.
struct DeepForm {
  int64_t text_rows = 0, text_depth = 0;      // M, J; 0 where the texts are fixed
  int64_t vision_rows = 0, vision_depth = 0;  // of the image tower; 0 where it takes none
  bool projected = false;                     // vision rows are projections of the text's
  std::vector<int64_t> words;                 // tokens behind the learned rows
  std::vector<int64_t> start;                 // tokens that the first rows start from; or none
};

class Deep final : public PromptLearner {
 public:
  Deep(const Clip& clip, const ClassNames& class_names, const MethodOptions& options, DeepForm form)
      : PromptLearner(clip, options, static_cast<int64_t>(class_names.size())),
        clip_(clip),
        form_(std::move(form)) {
    packed_ = pack_classes(clip, class_names, {0, form_.text_rows, form_.words});
    for (int64_t block = 1; block < form_.text_depth; ++block) {
      auto& replaced = packed_.deep.emplace_back();
      for (int64_t m = 0; m < form_.text_rows; ++m) {
        replaced.push_back({1 + m, block * form_.text_rows + m});  // row 0 is SOT
      }
    }
  }

  std::vector<at::Tensor> initial_values(Rng& rng) const override {
    const auto& specs = parameters();
    const auto texts = static_cast<size_t>(form_.text_depth);
    std::vector<at::Tensor> values;
    for (size_t i = 0; i < specs.size(); ++i) {
      if (i == 0 && !form_.start.empty()) {
        values.push_back(clip_.token_embeddings(form_.start));  // (M, D)
      } else if (i < texts || !form_.projected) {
        values.push_back(random_rows(specs[i].shape, rng));
      } else if (i < texts + 4) {
        values.push_back(random_linear(specs[i].shape, clip_.config().text_width, rng));
      } else {
        values.push_back(values[i - 2].clone());  // deeper projections start as copies of one
      }
    }
    return values;
  }

  PackedPrompts prompts(const std::vector<at::Tensor>& values) const override {
    check_values(values, parameters());
    PackedPrompts packed = packed_;
    if (form_.text_depth != 0) packed.learned = at::cat(text_rows(values), 0);  // (J·M, D)
    return packed;
  }

  ImagePrompts image_prompts(const std::vector<at::Tensor>& values) const override {
    check_values(values, parameters());
    std::vector<at::Tensor> rows;  // J of (n, image width)
    for (int64_t block = 0; block < form_.vision_depth; ++block) {
      const auto at_block = static_cast<size_t>(block);
      if (form_.projected) {
        const size_t layer = static_cast<size_t>(form_.text_depth) + 2 * at_block;
        rows.push_back(at::mm(values[at_block], values[layer].t()) + values[layer + 1]);
      } else {
        rows.push_back(values[static_cast<size_t>(form_.text_depth) + at_block]);
      }
    }
    if (rows.empty()) return {};
    return {at::stack(rows)};
  }

 private:
  std::vector<at::Tensor> text_rows(const std::vector<at::Tensor>& values) const {
    return {values.begin(), values.begin() + form_.text_depth};
  }

  Clip clip_;
  DeepForm form_;
  PackedPrompts packed_;
};

/// Learned rows start from the first words; the others stay, before the class name.
void share_words(const std::vector<int64_t>& words, DeepForm& form) {
  const auto learned =
      words.begin() + std::min(static_cast<int64_t>(words.size()), form.text_rows);
  form.start.assign(words.begin(), learned);
  form.words.assign(learned, words.end());
}

bool has_tensor(const std::vector<TensorSpec>& tensors, const std::string& name) {
  return std::any_of(tensors.begin(), tensors.end(),
                     [&](const TensorSpec& tensor) { return tensor.name == name; });
}

}  // namespace

// Which tower takes rows, and whether they are projected, is told by the row's tensors.
std::unique_ptr<PromptLearner> make_deep(const Clip& clip, const ClassNames& class_names,
                                         const MethodOptions& options) {
  const auto sizes = sizes_of(clip, options, static_cast<int64_t>(class_names.size()));
  const auto tensors = options.method().tensors(options, sizes);
  const int64_t rows = options.whole("n-ctx"), depth = options.whole("depth");
  DeepForm form;
  if (has_tensor(tensors, "ctx")) {
    form.text_rows = rows;
    form.text_depth = depth;
  }
  form.projected = has_tensor(tensors, "proj.0.weight");
  if (form.projected || has_tensor(tensors, "vision.0")) {
    form.vision_rows = options.whole_or("vision-ctx", rows);
    form.vision_depth = options.whole_or("vision-depth", depth);
  }
  share_words(clip.tokenizer().encode(options.text("init")), form);
  return std::make_unique<Deep>(clip, class_names, options, std::move(form));
}

}  // namespace qprompt::prompt
