#include "prompt/class_text.h"
#include "base/aten.h"
#include "prompt/learners.h"

namespace qprompt::prompt {
namespace {

constexpr int64_t kDefaultDepth = 9;

/// What a kind learns, with every default filled in.
struct DeepForm {
  int64_t text_rows = 0, text_depth = 0;      // M, J; 0 where the texts are fixed
  int64_t vision_rows = 0, vision_depth = 0;  // of the image tower; 0 where it takes none
  bool projected = false;                     // vision rows are projections of the text's
  std::vector<int64_t> words;                 // tokens behind the learned rows
  std::vector<int64_t> start;                 // tokens that the first rows start from; or none
};

class Deep final : public PromptLearner {
 public:
  Deep(const Clip& clip, const std::vector<std::string>& class_names, DeepForm form)
      : clip_(clip), form_(std::move(form)) {
    packed_ = pack_classes(clip, class_names, {0, form_.text_rows, form_.words});
    for (int64_t block = 1; block < form_.text_depth; ++block) {
      auto& replaced = packed_.deep.emplace_back();
      for (int64_t m = 0; m < form_.text_rows; ++m) {
        replaced.push_back({1 + m, block * form_.text_rows + m});  // row 0 is SOT
      }
    }
  }

  int64_t n_ctx() const override {
    return form_.text_rows != 0 ? form_.text_rows : form_.vision_rows;
  }
  int64_t depth() const override {
    return form_.text_depth != 0 ? form_.text_depth : form_.vision_depth;
  }
  bool prompts_images() const override { return form_.vision_depth != 0; }

  std::vector<ParameterSpec> parameters() const override {
    const int64_t width = clip_.config().text_width, image_width = clip_.config().image_width;
    std::vector<ParameterSpec> specs;
    for (int64_t block = 0; block < form_.text_depth; ++block) {
      specs.push_back({block == 0 ? "ctx" : cat("deep.", block), {form_.text_rows, width}});
    }
    for (int64_t block = 0; block < form_.vision_depth; ++block) {
      if (form_.projected) {
        specs.push_back({cat("proj.", block, ".weight"), {image_width, width}});
        specs.push_back({cat("proj.", block, ".bias"), {image_width}, false});
      } else {
        specs.push_back({cat("vision.", block), {form_.vision_rows, image_width}});
      }
    }
    return specs;
  }

  std::vector<at::Tensor> initial_values(Rng& rng) const override {
    const auto specs = parameters();
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

int64_t default_rows(PromptKind kind, const std::vector<int64_t>& words) {
  if (kind == PromptKind::kVpt) return 8;
  if (kind != PromptKind::kDeepText) return 2;
  return words.empty() ? 4 : static_cast<int64_t>(words.size());
}

void check_form(const Clip& clip, const ContextOptions& options, const DeepForm& form) {
  const ClipConfig& config = clip.config();
  if (options.class_specific || options.position != ClassPosition::kEnd) {
    fail(ErrorKind::kUsage,
         "deep prompts have one context for all classes, with the class name at its end; leave out "
         "--class-specific and --class-position");
  }
  if (form.vision_depth != 0 && config.image_kind != ImageTowerKind::kVit) {
    fail(ErrorKind::kContent,
         "this method puts learned rows into a ViT, but this model's image tower is a ResNet; take "
         "a ViT, or a method of the text tower alone (coop, cocoop, deep-text)");
  }
  if (form.text_depth > config.text_layers || form.vision_depth > config.image_layers) {
    fail(ErrorKind::kUsage, "depth ", form.text_depth, " of the text tower and ", form.vision_depth,
         " of the image tower; this model has ", config.text_layers, " and ", config.image_layers,
         " blocks");
  }
}

/// Learned rows start from the first words; the others stay, before the class name.
void share_words(const std::vector<int64_t>& words, const std::string& text, DeepForm& form) {
  const auto count = static_cast<int64_t>(words.size());
  if (count != 0 && count < form.text_rows) {
    fail(ErrorKind::kUsage, "n-ctx is ", form.text_rows, ", but the initial words '", text,
         "' are ", count, " tokens; give more words, or none for a random start");
  }
  const auto learned = words.begin() + std::min(count, form.text_rows);
  form.start.assign(words.begin(), learned);
  form.words.assign(learned, words.end());
}

}  // namespace

std::unique_ptr<PromptLearner> make_deep(const Clip& clip,
                                         const std::vector<std::string>& class_names,
                                         const ContextOptions& options) {
  const PromptKind kind = options.kind;
  const bool text = kind != PromptKind::kVpt, images = kind != PromptKind::kDeepText;
  const auto words = clip.tokenizer().encode(options.init_words);
  const int64_t rows = options.n_ctx != 0 ? options.n_ctx : default_rows(kind, words);
  int64_t blocks = kDefaultDepth;  // that every tower in question has
  if (text) blocks = std::min(blocks, clip.config().text_layers);
  if (images) blocks = std::min(blocks, clip.config().image_layers);
  const int64_t depth = options.depth != 0 ? options.depth : std::max<int64_t>(1, blocks);
  const bool independent = kind == PromptKind::kIvlp;
  DeepForm form;
  form.text_rows = text ? rows : 0;
  form.text_depth = text ? depth : 0;
  form.vision_rows = independent && options.vision_ctx != 0 ? options.vision_ctx : rows;
  form.vision_depth = independent && options.vision_depth != 0 ? options.vision_depth : depth;
  if (!images) form.vision_rows = form.vision_depth = 0;
  form.projected = kind == PromptKind::kMaPLe;
  check_form(clip, options, form);
  share_words(words, options.init_words, form);
  return std::make_unique<Deep>(clip, class_names, std::move(form));
}

}  // namespace qprompt::prompt
