#include <ATen/ATen.h>

#include "qprompt/prompt.h"

namespace qprompt {
namespace {

constexpr int64_t kDefaultContext = 4;
constexpr double kInitialDeviation = 0.02;

std::string spoken(std::string name) {
  for (char& c : name) {
    if (c == '_') c = ' ';
  }
  return name;
}

void append_tokens(std::vector<PackedRow>& rows, const std::vector<int64_t>& ids, size_t begin,
                   size_t end) {
  for (size_t i = begin; i < end; ++i) rows.push_back({.token = ids[i]});
}

void append_learned(std::vector<PackedRow>& rows, int64_t begin, int64_t end) {
  for (int64_t i = begin; i < end; ++i) rows.push_back({.learned = i});
}

class CoOp final : public PromptLearner {
 public:
  CoOp(const Clip& clip, const std::vector<std::string>& class_names, const ContextOptions& options)
      : clip_(clip), options_(options), classes_(static_cast<int64_t>(class_names.size())) {
    if (class_names.empty()) fail(ErrorKind::kContent, "a prompt needs at least one class name");
    word_ids_ = clip.tokenizer().encode(options.init_words);
    const auto words = static_cast<int64_t>(word_ids_.size());
    n_ctx_ = options.n_ctx != 0 ? options.n_ctx : (words != 0 ? words : kDefaultContext);
    if (words != 0 && words != n_ctx_) {
      fail(ErrorKind::kUsage, "the initial words '", options.init_words, "' are ", words,
           " tokens, but n-ctx is ", n_ctx_, "; leave n-ctx at 0, or give no words");
    }
    std::vector<std::vector<PackedRow>> texts;
    texts.reserve(class_names.size());
    for (size_t c = 0; c < class_names.size(); ++c) {
      texts.push_back(class_rows(class_names[c], static_cast<int64_t>(c)));
    }
    packed_ = pack_prompts(texts);
  }

  int64_t n_ctx() const override { return n_ctx_; }

  std::vector<ParameterSpec> parameters() const override {
    const int64_t width = clip_.config().text_width;
    if (options_.class_specific) return {{"ctx", {classes_, n_ctx_, width}}};
    return {{"ctx", {n_ctx_, width}}};
  }

  std::vector<at::Tensor> initial_values(Rng& rng) const override {
    const auto shape = parameters().front().shape;
    if (!word_ids_.empty()) {
      const at::Tensor words = clip_.token_embeddings(word_ids_);  // (M, D)
      return {words.expand(shape).clone(at::MemoryFormat::Contiguous)};
    }
    at::Tensor ctx = at::empty(shape, at::kFloat);  // (M, D) or (C, M, D)
    float* values = ctx.data_ptr<float>();
    for (int64_t i = 0; i < ctx.numel(); ++i) {
      values[i] = static_cast<float>(kInitialDeviation * rng.normal());
    }
    return {ctx};
  }

  PackedPrompts prompts(const std::vector<at::Tensor>& values) const override {
    if (values.size() != 1) {
      fail(ErrorKind::kContent, "a CoOp prompt has one tensor, 'ctx'; got ", values.size());
    }
    const int64_t width = clip_.config().text_width;
    if (options_.class_specific) {
      check_shape(values[0], {classes_, n_ctx_, width}, "class-specific context 'ctx'");
    } else {
      check_shape(values[0], {n_ctx_, width}, "context 'ctx'");
    }
    PackedPrompts packed = packed_;
    packed.learned = values[0].reshape({-1, width});  // (M, D) or (C·M, D)
    return packed;
  }

 private:
  /// The rows of one class: the suffix is the tokens of "<name>." and is cut where CoOp cuts it.
  std::vector<PackedRow> class_rows(const std::string& raw_name, int64_t c) const {
    const std::string name = spoken(raw_name);
    const Tokenizer& tokenizer = clip_.tokenizer();
    const std::vector<int64_t> suffix = tokenizer.encode(name + ".");
    // A name that ends in punctuation fuses with the full stop, as it does in CoOp.
    const size_t name_end = std::min(tokenizer.encode(name).size(), suffix.size());
    const int64_t first = options_.class_specific ? c * n_ctx_ : 0, last = first + n_ctx_;
    std::vector<PackedRow> rows{{.token = tokenizer.start_token()}};
    switch (options_.position) {
      case ClassPosition::kEnd:
        append_learned(rows, first, last);
        append_tokens(rows, suffix, 0, suffix.size());
        break;
      case ClassPosition::kMiddle:
        append_learned(rows, first, first + n_ctx_ / 2);
        append_tokens(rows, suffix, 0, name_end);
        append_learned(rows, first + n_ctx_ / 2, last);
        append_tokens(rows, suffix, name_end, suffix.size());
        break;
      case ClassPosition::kFront:
        append_tokens(rows, suffix, 0, name_end);
        append_learned(rows, first, last);
        append_tokens(rows, suffix, name_end, suffix.size());
        break;
    }
    rows.push_back({.token = tokenizer.end_token()});
    const auto length = static_cast<int64_t>(rows.size());
    if (length > clip_.config().context_length) {
      fail(ErrorKind::kContent, "class '", raw_name, "' with ", n_ctx_, " context rows is ", length,
           " tokens long; this model reads at most ", clip_.config().context_length,
           ": shorten the name or the context");
    }
    return rows;
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
  return std::make_unique<CoOp>(clip, class_names, options);
}

PackedPrompts pack_texts(const Clip& clip, const std::vector<std::string>& texts) {
  std::vector<std::vector<PackedRow>> rows;
  rows.reserve(texts.size());
  for (const std::string& text : texts) {
    std::vector<PackedRow> one;
    for (int64_t id : clip.tokenizer().encode_framed(text, clip.config().context_length)) {
      one.push_back({.token = id});
    }
    rows.push_back(std::move(one));
  }
  return pack_prompts(rows);
}

}  // namespace qprompt
