// The kinds of vocabulary files, each read into a Vocabulary.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "tokenizer/impl/byte_pairs.h"

namespace qprompt::tokenizer {

/// Bytes twice (inside a word and at its end), the start and the end token.
constexpr int64_t kSmallestVocabSize = 514;
/// The most that a vocabulary file may hold, compressed or not; CLIP's has 3.2 MB.
constexpr int64_t kMaxVocabularyBytes = int64_t{64} << 20;

/// A header line, then a merge a line; merges past `vocab_size` - 514 are ignored, as by the
/// reference those past CLIP's number.
Vocabulary read_text_vocabulary(const std::string& file, std::string_view bytes,
                                int64_t vocab_size);
/// A `tokenizer.json`, or a `vocab.json`, whose `merges.txt` is read from the same folder.
Vocabulary read_json_vocabulary(const std::string& file, std::string_view bytes,
                                int64_t vocab_size);

/// Calls `use(left, right, where)` with each merge of a text of merges, one a line, from line
/// `first_line` (1-based) on, at most `limit` of them; returns their number. Blank lines end it.
int64_t for_each_merge(
    const std::string& file, std::string_view text, int64_t first_line, int64_t limit,
    const std::function<void(const std::string&, const std::string&, const std::string&)>& use);

}  // namespace qprompt::tokenizer
