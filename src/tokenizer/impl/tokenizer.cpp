#include "qprompt/tokenizer.h"

#include <algorithm>

#include "qprompt/base.h"
#include "tokenizer/impl/byte_pairs.h"
#include "tokenizer/impl/text.h"
#include "tokenizer/impl/vocabulary.h"
#include "tokenizer/impl/vocabulary_files.h"
#include "tokenizer/impl/whole_tokens.h"

namespace qprompt {
namespace {

namespace tk = tokenizer;

/// More than any prompt has; keeps a file given by mistake from being tokenized.
constexpr size_t kMaxTextBytes = size_t{4} << 20;
constexpr size_t kMaxShownCharacters = 80;

/// The text for a message: valid UTF-8, its beginning when it is long.
std::string shown(const std::string& text) {
  // Four bytes a character at most, so what is cut off here would not be shown.
  const auto start = std::string_view(text).substr(0, 4 * kMaxShownCharacters + 4);
  std::u32string characters = tk::decode_utf8(start);
  const bool whole = text.size() == start.size() && characters.size() <= kMaxShownCharacters;
  if (whole) return tk::encode_utf8(characters);
  characters.resize(std::min(characters.size(), kMaxShownCharacters));
  return tk::encode_utf8(characters) + "…";
}

}  // namespace

struct Tokenizer::Impl {
  explicit Impl(tk::Vocabulary v) : vocabulary(std::move(v)), pairs(vocabulary) {
    for (const tk::AddedToken& token : vocabulary.added) {
      if (token.in_cleaned) {
        in_cleaned.add({tk::clean(token.text), token.id, token.single_word});
      } else {
        in_given.add({tk::decode_utf8(token.text), token.id, token.single_word});
      }
    }
  }

  void append(const std::string& text, std::vector<int64_t>& ids) const {
    const auto append_id = [&](int32_t id) { ids.push_back(id); };
    const auto append_cleaned = [&](std::u32string_view part) { append_pieces(part, ids); };
    if (in_given.empty()) return in_cleaned.split(tk::clean(text), append_cleaned, append_id);
    in_given.split(
        tk::decode_utf8(text),
        [&](std::u32string_view part) {
          in_cleaned.split(tk::clean(tk::encode_utf8(part)), append_cleaned, append_id);
        },
        append_id);
  }

  void append_pieces(std::u32string_view cleaned, std::vector<int64_t>& ids) const {
    for (const std::u32string_view piece : tk::split(cleaned)) {
      if (piece == tk::kStartText) {
        ids.push_back(vocabulary.start);
      } else if (piece == tk::kEndText) {
        ids.push_back(vocabulary.end);
      } else {
        pairs.append(tk::encode_utf8(piece), ids);
      }
    }
  }

  tk::Vocabulary vocabulary;
  tk::BytePairs pairs;
  tk::WholeTokens in_given, in_cleaned;
};

Tokenizer Tokenizer::load(const std::string& path, int64_t vocab_size) {
  if (path.empty()) {
    constexpr int64_t kClipVocabSize = 49'408;
    if (vocab_size < kClipVocabSize) {
      fail(ErrorKind::kPath, "no vocabulary lies beside the model, and CLIP's own, which has ",
           kClipVocabSize, " tokens, is not that of a model with ", vocab_size,
           " token embeddings; name the model's with --vocab or QPROMPT_VOCAB");
    }
    constexpr const char* kName = "CLIP's own";
    const std::string merges = tk::without_gzip(kName, std::string(tk::own_vocabulary()));
    return Tokenizer(
        std::make_shared<const Impl>(tk::read_text_vocabulary(kName, merges, vocab_size)));
  }
  return Tokenizer(std::make_shared<const Impl>(tk::read_vocabulary(path, vocab_size)));
}

std::vector<int64_t> Tokenizer::encode(const std::string& text) const {
  if (text.size() > kMaxTextBytes) {
    fail(ErrorKind::kContent, "the text '", shown(text), "' has ", text.size(), " bytes; at most ",
         kMaxTextBytes, " are tokenized");
  }
  std::vector<int64_t> ids;
  impl_->append(text, ids);
  return ids;
}

std::vector<int64_t> Tokenizer::encode_framed(const std::string& text,
                                              int64_t context_length) const {
  std::vector<int64_t> ids = encode(text);
  ids.insert(ids.begin(), start_token());
  ids.push_back(end_token());
  if (static_cast<int64_t>(ids.size()) > context_length) {
    fail(ErrorKind::kContent, "the text '", shown(text), "' has ", ids.size(),
         " tokens with start and end; the model takes at most ", context_length, ", so shorten it");
  }
  return ids;
}

std::string Tokenizer::token_text(int64_t id) const {
  if (id < 0 || id >= vocab_size()) {
    fail(ErrorKind::kContent, "token id ", id, " is outside the vocabulary, 0 … ",
         vocab_size() - 1);
  }
  const std::string& token = impl_->vocabulary.tokens[static_cast<size_t>(id)];
  if (id == start_token() || id == end_token()) return token;
  const bool ends_word = token.ends_with(tk::kEndOfWord);
  const auto symbol =
      std::string_view(token).substr(0, token.size() - (ends_word ? tk::kEndOfWord.size() : 0));
  std::string bytes;
  for (const char32_t c : tk::decode_utf8(symbol)) {
    const auto found = tk::byte_alphabet().byte_of.find(c);
    if (found == tk::byte_alphabet().byte_of.end()) return token;  // an added token, not of bytes
    bytes.push_back(static_cast<char>(found->second));
  }
  return tk::encode_utf8(tk::decode_utf8(bytes)) + (ends_word ? " " : "");
}

int64_t Tokenizer::start_token() const { return impl_->vocabulary.start; }
int64_t Tokenizer::end_token() const { return impl_->vocabulary.end; }
int64_t Tokenizer::vocab_size() const {
  return static_cast<int64_t>(impl_->vocabulary.tokens.size());
}

}  // namespace qprompt
