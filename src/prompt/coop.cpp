#include "prompt/class_text.h"

#include "base/aten.h"

namespace qprompt {
namespace {

constexpr int64_t kDefaultContext = 4;

class CoOp final : public PromptLearner {
 public:
  CoOp(const Clip& clip, const std::vector<std::string>& class_names, const ContextOptions& options)
      : clip_(clip), options_(options), classes_(static_cast<int64_t>(class_names.size())) {
    word_ids_ = clip.tokenizer().encode(options.init_words);
    const auto words = static_cast<int64_t>(word_ids_.size());
    n_ctx_ = options.n_ctx != 0 ? options.n_ctx : (words != 0 ? words : kDefaultContext);
    if (words != 0 && words != n_ctx_) {
      fail(ErrorKind::kUsage, "the initial words '", options.init_words, "' are ", words,
           " tokens, but n-ctx is ", n_ctx_, "; leave n-ctx at 0, or give no words");
    }
    packed_ = pack(class_names);
  }

  int64_t n_ctx() const override { return n_ctx_; }

  std::vector<ParameterSpec> parameters() const override {
    const int64_t width = clip_.config().text_width;
    if (options_.class_specific) return {{"ctx", {classes_, n_ctx_, width}}};
    return {{"ctx", {n_ctx_, width}}};
  }

  std::vector<at::Tensor> initial_values(Rng& rng) const override {
    const auto shape = parameters().front().shape;
    if (word_ids_.empty()) return {prompt::random_rows(shape, rng)};
    const at::Tensor words = clip_.token_embeddings(word_ids_);  // (M, D)
    return {words.expand(shape).clone(at::MemoryFormat::Contiguous)};
  }

  PackedPrompts prompts(const std::vector<at::Tensor>& values) const override {
    prompt::check_values(values, parameters());
    PackedPrompts packed = packed_;
    packed.learned = values[0].reshape({-1, clip_.config().text_width});  // (M, D) or (C·M, D)
    return packed;
  }

 private:
  PackedPrompts pack(const std::vector<std::string>& names) const {
    prompt::TextLayout layout{0, n_ctx_, {}, options_.position};
    if (!options_.class_specific) return prompt::pack_classes(clip_, names, layout);
    std::vector<std::vector<PackedRow>> texts;
    for (const std::string& name : names) {
      texts.push_back(prompt::class_rows(clip_, name, layout));
      layout.first += n_ctx_;
    }
    return pack_prompts(texts);
  }

  Clip clip_;
  ContextOptions options_;
  int64_t classes_;
  int64_t n_ctx_ = 0;
  std::vector<int64_t> word_ids_;
  PackedPrompts packed_;
};

}  // namespace

std::unique_ptr<PromptLearner> make_coop(const Clip& clip,
                                         const std::vector<std::string>& class_names,
                                         const ContextOptions& options) {
  if (class_names.empty()) fail(ErrorKind::kContent, "a prompt needs at least one class name");
  return std::make_unique<CoOp>(clip, class_names, options);
}

}  // namespace qprompt
