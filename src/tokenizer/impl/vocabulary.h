// Vocabulary files: CLIP's merges as text, Hugging Face's vocab.json + merges.txt, tokenizer.json.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "tokenizer/impl/byte_pairs.h"

namespace qprompt::tokenizer {

/// Reads any of the three kinds, or the one that a folder holds, for a model of `vocab_size`
/// embeddings. Throws kPath or kContent naming file and line or entry.
Vocabulary read_vocabulary(const std::string& path, int64_t vocab_size);

/// The whole file, decompressed when its content is gzip's; `path` stands in messages. Bounded.
std::string read_maybe_gzip(const std::string& path);

/// Bytes decompressed where they are gzip's, without a byte-order mark; `file` stands in messages.
std::string without_gzip(const std::string& file, std::string bytes);

/// The vocabulary that CLIP was trained with, as OpenAI publishes it: a gzip file of merges, in the
/// program itself.
std::string_view own_vocabulary();

/// Collects tokens and merges and checks them; `file` stands in messages.
class VocabularyBuilder {
 public:
  VocabularyBuilder(std::string file, int64_t vocab_size);
  /// Every id must be given exactly one token, and every token one id; only the model's last ids
  /// may go without, since embeddings are padded to round numbers.
  void add_token(const std::string& token, int64_t id);
  /// Both symbols and their joined form must be tokens. `where` is "line 7" or "merge 7".
  void add_merge(const std::string& left, const std::string& right, const std::string& where);
  /// Lets a token be in the vocabulary although no merge makes it; the start and end token may.
  void allow_unmade(const std::string& token) { unmade_.insert(token); }
  bool has_token(const std::string& token) const { return ids_.contains(token); }
  /// A token that texts keep whole; its id is given here or was before.
  void add_added(const AddedToken& token);
  /// The whole, or an error saying which tokens are missing.
  Vocabulary finish();

 private:
  int32_t id_of(const std::string& token, const std::string& where) const;
  void check_ids();
  void check_merges() const;

  std::string file_;
  int64_t vocab_size_;
  size_t named_ = 0;  ///< ids that have tokens; the others pad
  Vocabulary vocabulary_;
  std::vector<bool> given_;
  std::unordered_map<std::string, int32_t> ids_;
  std::unordered_map<uint64_t, std::string> merge_places_;
  std::unordered_set<std::string> unmade_;
};

}  // namespace qprompt::tokenizer
