#include "tokenizer/impl/whole_tokens.h"

#include <utf8proc.h>

#include <algorithm>

namespace qprompt::tokenizer {
namespace {

bool is_word_character(char32_t c) {
  const auto kind = utf8proc_category(static_cast<utf8proc_int32_t>(c));
  return c == U'_' || (kind >= UTF8PROC_CATEGORY_LU && kind <= UTF8PROC_CATEGORY_LO) ||
         (kind >= UTF8PROC_CATEGORY_ND && kind <= UTF8PROC_CATEGORY_NO);
}

}  // namespace

void WholeTokens::add(WholeToken token) {
  if (token.text.empty()) return;
  first_characters_.push_back(token.text.front());
  const auto shorter = [&](const WholeToken& other) {
    return other.text.size() < token.text.size();
  };
  tokens_.insert(std::find_if(tokens_.begin(), tokens_.end(), shorter), std::move(token));
}

const WholeToken* WholeTokens::find_at(std::u32string_view text, size_t at) const {
  if (first_characters_.find(text[at]) == std::u32string::npos) return nullptr;
  for (const WholeToken& token : tokens_) {
    const size_t end = at + token.text.size();
    if (text.substr(at, token.text.size()) != token.text) continue;
    const bool in_word = (at > 0 && is_word_character(text[at - 1])) ||
                         (end < text.size() && is_word_character(text[end]));
    if (!token.single_word || !in_word) return &token;
  }
  return nullptr;
}

void WholeTokens::split(std::u32string_view text,
                        const std::function<void(std::u32string_view)>& part,
                        const std::function<void(int32_t)>& token) const {
  size_t begin = 0;
  for (size_t at = 0; !empty() && at < text.size();) {
    const WholeToken* found = find_at(text, at);
    if (found == nullptr) {
      ++at;
      continue;
    }
    if (at > begin) part(text.substr(begin, at - begin));
    token(found->id);
    begin = at += found->text.size();
  }
  if (begin < text.size()) part(text.substr(begin));
}

}  // namespace qprompt::tokenizer
