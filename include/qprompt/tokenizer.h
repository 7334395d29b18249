// Room `tokenizer`: CLIP's byte-pair encoding, exact.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace qprompt {

/// CLIP's tokenizer (openai/CLIP, clip/simple_tokenizer.py): text repaired as ftfy repairs it, but
/// for its guesses at wrong encodings, HTML entities unescaped twice, white space collapsed, lower
/// case, Unicode-aware splitting, byte-pair merges.
class Tokenizer {
 public:
  /// Reads `bpe_simple_vocab_16e6.txt.gz` (or the same uncompressed), `vocab.json` with
  /// `merges.txt` beside it, or `tokenizer.json`, with the tokens that were added to it; CLIP's
  /// own, which the program brings, where `path` is empty. `vocab_size` is the model's number of
  /// embeddings (49,408 for CLIP; more where they are padded); merges beyond it are ignored, as the
  /// reference does, and too few are an error. Throws kPath or kContent.
  static Tokenizer load(const std::string& path, int64_t vocab_size);

  /// Ids of `text` without start and end token. Invalid UTF-8 is decoded as U+FFFD.
  std::vector<int64_t> encode(const std::string& text) const;
  /// [start] + encode(text) + [end]; throws kContent, naming the text, its length and the limit,
  /// when that is more than `context_length` ids.
  std::vector<int64_t> encode_framed(const std::string& text, int64_t context_length) const;
  /// The text of one id, "</w>" shown as a trailing space; throws kContent when out of range.
  std::string token_text(int64_t id) const;

  int64_t start_token() const;
  int64_t end_token() const;
  int64_t vocab_size() const;

 private:
  struct Impl;
  explicit Tokenizer(std::shared_ptr<const Impl> impl) : impl_(std::move(impl)) {}
  std::shared_ptr<const Impl> impl_;
};

/// The vocabulary file of a folder, "" when it has none. A vocab.json counts with its merges.txt.
std::string vocabulary_in_folder(const std::string& folder);

}  // namespace qprompt
