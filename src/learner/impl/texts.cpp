#include "learner/texts.h"

#include <cmath>
#include <functional>

#include "base/aten.h"

namespace qprompt {
namespace {

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

at::Tensor drawn(const std::vector<int64_t>& shape, const std::function<double()>& draw) {
  at::Tensor tensor = at::empty(shape, at::kFloat);
  float* values = tensor.data_ptr<float>();
  for (int64_t i = 0; i < tensor.numel(); ++i) values[i] = static_cast<float>(draw());
  return tensor;
}

}  // namespace

// The suffix is the tokens of "<name>." and is cut where CoOp cuts it.
std::vector<PackedRow> class_rows(const Clip& clip, const std::string& raw_name,
                                  const TextLayout& layout) {
  const std::string name = spoken(raw_name);
  const Tokenizer& tokenizer = clip.tokenizer();
  const std::vector<int64_t> suffix = tokenizer.encode(name + ".");
  // A name that ends in punctuation fuses with the full stop, as it does in CoOp.
  const size_t name_end = std::min(tokenizer.encode(name).size(), suffix.size());
  const int64_t first = layout.first, last = first + layout.n_ctx;
  std::vector<PackedRow> rows{{.token = tokenizer.start_token()}};
  switch (layout.position) {
    case ClassPosition::kEnd:
      append_learned(rows, first, last);
      append_tokens(rows, layout.words, 0, layout.words.size());
      append_tokens(rows, suffix, 0, suffix.size());
      break;
    case ClassPosition::kMiddle:
      append_learned(rows, first, first + layout.n_ctx / 2);
      append_tokens(rows, suffix, 0, name_end);
      append_learned(rows, first + layout.n_ctx / 2, last);
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
  if (length > clip.config().context_length) {
    fail(ErrorKind::kContent, "class '", raw_name, "' with ", layout.n_ctx, " context rows is ",
         length, " tokens long; this model reads at most ", clip.config().context_length,
         ": shorten the name or the context");
  }
  return rows;
}

PackedPrompts pack_classes(const Clip& clip, const std::vector<std::string>& names,
                           const TextLayout& layout) {
  if (names.empty()) fail(ErrorKind::kContent, "a prompt needs at least one class name");
  std::vector<std::vector<PackedRow>> texts;
  texts.reserve(names.size());
  for (const std::string& name : names) texts.push_back(class_rows(clip, name, layout));
  return pack_prompts(texts);
}

TextLayout layout_of(const MethodOptions& options) {
  return {
      0, options.whole("n-ctx"), {}, static_cast<ClassPosition>(options.choice("class-position"))};
}

at::Tensor initial_context(const Clip& clip, const MethodOptions& options,
                           const std::vector<int64_t>& shape, Rng& rng) {
  const auto ids = clip.tokenizer().encode(options.text("init"));
  if (ids.empty()) return random_rows(shape, rng);
  const at::Tensor words = clip.token_embeddings(ids);  // (M, D)
  return words.expand(shape).clone(at::MemoryFormat::Contiguous);
}

at::Tensor random_rows(const std::vector<int64_t>& shape, Rng& rng) {
  return drawn(shape, [&rng] { return kInitialDeviation * rng.normal(); });
}

at::Tensor random_linear(const std::vector<int64_t>& shape, int64_t fan_in, Rng& rng) {
  const double bound = 1 / std::sqrt(static_cast<double>(fan_in));
  return drawn(shape, [&rng, bound] { return bound * (2 * rng.uniform() - 1); });
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

std::string fill_template(const std::string& text, const std::string& class_name) {
  const std::string name = spoken(class_name);
  std::string filled;
  size_t from = 0, slots = 0;
  for (size_t at; (at = text.find("{}", from)) != std::string::npos; from = at + 2, ++slots) {
    filled += text.substr(from, at - from) + name;
  }
  if (slots == 0) {
    fail(ErrorKind::kUsage, "the template '", text,
         "' has no '{}', where the class name goes; for example: a photo of a {}.");
  }
  return filled + text.substr(from);
}

}  // namespace qprompt
