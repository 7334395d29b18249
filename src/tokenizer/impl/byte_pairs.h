// The merges of a byte-pair encoding, applied to one word.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace qprompt::tokenizer {

constexpr std::string_view kEndOfWord = "</w>";

/// The 256 characters that stand for bytes in vocabulary files, in the order of their ids
/// (`bytes_to_unicode` of GPT-2 and CLIP).
struct ByteAlphabet {
  std::array<uint8_t, 256> bytes{};           ///< of the i-th character
  std::array<std::string, 256> characters{};  ///< UTF-8, of the i-th character
  std::unordered_map<char32_t, uint8_t> byte_of;
};
const ByteAlphabet& byte_alphabet();

/// Symbols `left` and `right` become `result`; the place in the list is the rank.
struct Merge {
  int32_t left = 0, right = 0, result = 0;
};

/// A token that a text keeps whole, whatever the merges would make of it.
struct AddedToken {
  std::string text;
  int32_t id = 0;
  bool in_cleaned = false;   ///< looked for in the cleaned text, not in the text as it came
  bool single_word = false;  ///< not inside a word
};

/// What a vocabulary file says: checked, whole and consistent.
struct Vocabulary {
  std::vector<std::string> tokens;  ///< by id, in the byte alphabet, "</w>" at a word's end; the
                                    ///< last ones may be empty: embeddings that no token has
  std::vector<AddedToken> added;
  std::vector<Merge> merges;
  std::array<int32_t, 256> byte_ids{}, last_byte_ids{};  ///< by byte: inside a word, at its end
  int32_t start = 0, end = 0;
};

/// Applies merges to words. Takes O(n log n) for a word of n bytes.
class BytePairs {
 public:
  explicit BytePairs(const Vocabulary& vocabulary);
  /// Appends the ids of one word, which must not be empty.
  void append(std::string_view word, std::vector<int64_t>& ids) const;

 private:
  struct Rule {
    int32_t rank, result;
  };
  const Rule* find(int32_t left, int32_t right) const;

  std::array<int32_t, 256> byte_ids_, last_byte_ids_;
  std::unordered_map<uint64_t, Rule> rules_;
};

}  // namespace qprompt::tokenizer
