// Tokens that a text keeps whole: found before it is taken to pieces.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace qprompt::tokenizer {

struct WholeToken {
  std::u32string text;
  int32_t id = 0;
  bool single_word = false;  ///< not where a letter, a number or _ stands beside it
};

/// Finds such tokens from left to right, the longest first.
class WholeTokens {
 public:
  void add(WholeToken token);
  bool empty() const { return tokens_.empty(); }
  /// Calls `part` with what lies between tokens and `token` with each one's id, in order.
  void split(std::u32string_view text, const std::function<void(std::u32string_view)>& part,
             const std::function<void(int32_t)>& token) const;

 private:
  const WholeToken* find_at(std::u32string_view text, size_t at) const;
  std::vector<WholeToken> tokens_;  ///< longest first
  std::u32string first_characters_;
};

}  // namespace qprompt::tokenizer
