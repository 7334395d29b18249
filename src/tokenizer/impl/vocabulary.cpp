#include "tokenizer/impl/vocabulary.h"

#include <algorithm>
#include <filesystem>

#include "qprompt/base.h"
#include "qprompt/tokenizer.h"
#include "tokenizer/impl/text.h"
#include "tokenizer/impl/vocabulary_files.h"

namespace qprompt::tokenizer {
namespace {

namespace fs = std::filesystem;

constexpr int64_t kMaxVocabSize = int64_t{1} << 24;
constexpr size_t kMaxListed = 8;  // missing things that an error lists by name

bool is_file(const fs::path& path) {
  std::error_code ignored;
  return fs::is_regular_file(path, ignored);
}

bool ends_with(const std::string& text, std::string_view end) {
  return text.size() >= end.size() && text.compare(text.size() - end.size(), end.size(), end) == 0;
}

/// "a, b, c … (12 in all)".
std::string list_of(const std::vector<std::string>& names) {
  std::string out;
  for (size_t i = 0; i < std::min(names.size(), kMaxListed); ++i) {
    out += (i == 0 ? "" : ", ") + names[i];
  }
  if (names.size() > kMaxListed) out += cat(" … (", names.size(), " in all)");
  return out;
}

}  // namespace

VocabularyBuilder::VocabularyBuilder(std::string file, int64_t vocab_size)
    : file_(std::move(file)), vocab_size_(vocab_size) {
  if (vocab_size < kSmallestVocabSize || vocab_size > kMaxVocabSize) {
    fail(ErrorKind::kContent, "vocabulary '", file_, "': the model has ", vocab_size,
         " token embeddings; a byte-pair vocabulary has ", kSmallestVocabSize, " to ",
         kMaxVocabSize);
  }
  vocabulary_.tokens.resize(static_cast<size_t>(vocab_size));
  given_.resize(static_cast<size_t>(vocab_size));
}

void VocabularyBuilder::add_token(const std::string& token, int64_t id) {
  if (token.empty()) {
    fail(ErrorKind::kContent, "vocabulary '", file_, "': the token of id ", id, " is empty");
  }
  if (id < 0 || id >= vocab_size_) {
    fail(ErrorKind::kContent, "vocabulary '", file_, "': token '", token, "' has id ", id,
         ", but the model has ", vocab_size_,
         " token embeddings; use the vocabulary that the model was trained with");
  }
  const auto at = static_cast<size_t>(id);
  if (given_[at]) {
    fail(ErrorKind::kContent, "vocabulary '", file_, "': tokens '", vocabulary_.tokens[at],
         "' and '", token, "' both have id ", id);
  }
  if (!ids_.emplace(token, static_cast<int32_t>(id)).second) {
    fail(ErrorKind::kContent, "vocabulary '", file_, "': token '", token, "' has two ids, ",
         ids_.at(token), " and ", id);
  }
  given_[at] = true;
  vocabulary_.tokens[at] = token;
}

int32_t VocabularyBuilder::id_of(const std::string& token, const std::string& where) const {
  const auto found = ids_.find(token);
  if (found == ids_.end()) {
    fail(ErrorKind::kContent, "vocabulary '", file_, "', ", where, ": '", token,
         "' is no token of this vocabulary; the file is damaged or belongs to another one");
  }
  return found->second;
}

void VocabularyBuilder::add_merge(const std::string& left, const std::string& right,
                                  const std::string& where) {
  const Merge merge{id_of(left, where), id_of(right, where), id_of(left + right, where)};
  const uint64_t key =
      (static_cast<uint64_t>(merge.left) << 32) | static_cast<uint32_t>(merge.right);
  const auto [place, is_new] = merge_places_.emplace(key, where);
  if (!is_new) {
    fail(ErrorKind::kContent, "vocabulary '", file_, "', ", where, ": the merge '", left, " ",
         right, "' was already given at ", place->second);
  }
  vocabulary_.merges.push_back(merge);
}

void VocabularyBuilder::add_added(const AddedToken& token) {
  if (!has_token(token.text)) add_token(token.text, token.id);
  if (ids_.at(token.text) != token.id) {
    fail(ErrorKind::kContent, "vocabulary '", file_, "': token '", token.text, "' has two ids, ",
         ids_.at(token.text), " and ", token.id);
  }
  allow_unmade(token.text);
  vocabulary_.added.push_back(token);
}

void VocabularyBuilder::check_ids() {
  std::vector<std::string> missing;
  named_ = given_.size();
  while (named_ > 0 && !given_[named_ - 1]) --named_;
  for (size_t id = 0; id < named_; ++id) {
    if (!given_[id]) missing.push_back(std::to_string(id));
  }
  if (missing.empty()) return;
  fail(ErrorKind::kContent, "vocabulary '", file_, "' has ", ids_.size(),
       " tokens, but the model has ", vocab_size_, " token embeddings; no token has id ",
       list_of(missing));
}

// A list of merges that was cut off would give other ids without any other sign.
void VocabularyBuilder::check_merges() const {
  std::vector<bool> made(given_.size());
  for (const Merge& merge : vocabulary_.merges) made[static_cast<size_t>(merge.result)] = true;
  for (const auto* ids : {&vocabulary_.byte_ids, &vocabulary_.last_byte_ids}) {
    for (const int32_t id : *ids) made[static_cast<size_t>(id)] = true;
  }
  made[static_cast<size_t>(vocabulary_.start)] = made[static_cast<size_t>(vocabulary_.end)] = true;
  std::vector<std::string> unmade;
  for (size_t id = 0; id < named_; ++id) {
    const std::string& token = vocabulary_.tokens[id];
    if (!made[id] && !unmade_.contains(token)) unmade.push_back("'" + token + "'");
  }
  if (unmade.empty()) return;
  fail(ErrorKind::kContent, "vocabulary '", file_, "': no merge makes ", list_of(unmade),
       "; its list of merges is cut off or belongs to another vocabulary");
}

Vocabulary VocabularyBuilder::finish() {
  check_ids();
  std::vector<std::string> missing;
  const auto take = [&](const std::string& token, int32_t& target) {
    const auto found = ids_.find(token);
    if (found == ids_.end()) return missing.push_back("'" + token + "'");
    target = found->second;
  };
  const ByteAlphabet& alphabet = byte_alphabet();
  for (size_t i = 0; i < 256; ++i) {
    take(alphabet.characters[i], vocabulary_.byte_ids[alphabet.bytes[i]]);
    take(alphabet.characters[i] + std::string(kEndOfWord),
         vocabulary_.last_byte_ids[alphabet.bytes[i]]);
  }
  take(encode_utf8(kStartText), vocabulary_.start);
  take(encode_utf8(kEndText), vocabulary_.end);
  const auto is_frame = [&](const AddedToken& token) {
    return token.id == vocabulary_.start || token.id == vocabulary_.end;
  };
  if (missing.empty()) std::erase_if(vocabulary_.added, is_frame);  // the pattern knows them
  if (!missing.empty()) {
    fail(ErrorKind::kContent, "vocabulary '", file_,
         "' lacks tokens that CLIP needs: ", list_of(missing));
  }
  check_merges();
  return std::move(vocabulary_);
}

Vocabulary read_vocabulary(const std::string& path, int64_t vocab_size) {
  std::error_code ignored;
  std::string file = path;
  if (fs::is_directory(path, ignored)) {
    file = vocabulary_in_folder(path);
    if (file.empty()) {
      fail(ErrorKind::kPath, "the folder '", path, "' has no vocabulary; one of ",
           "bpe_simple_vocab_16e6.txt.gz, vocab.txt.gz, vocab.json with merges.txt, or ",
           "tokenizer.json was expected");
    }
  }
  const std::string bytes = read_maybe_gzip(file);
  if (ends_with(file, ".json")) return read_json_vocabulary(file, bytes, vocab_size);
  return read_text_vocabulary(file, bytes, vocab_size);
}

}  // namespace qprompt::tokenizer

namespace qprompt {

std::string vocabulary_in_folder(const std::string& folder) {
  const std::filesystem::path base(folder);
  for (const char* name : {"bpe_simple_vocab_16e6.txt.gz", "bpe_simple_vocab_16e6.txt",
                           "vocab.txt.gz", "vocab.txt", "vocab.json", "tokenizer.json"}) {
    if (!tokenizer::is_file(base / name)) continue;
    const bool needs_merges = std::string_view(name) == "vocab.json";
    if (!needs_merges || tokenizer::is_file(base / "merges.txt")) return (base / name).string();
  }
  return "";
}

}  // namespace qprompt
