// Text as CLIP's tokenizer sees it before the merges: code points, cleaned, lower case, in pieces.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace qprompt::tokenizer {

constexpr char32_t kReplacement = 0xfffd;
constexpr std::u32string_view kStartText = U"<|startoftext|>";
constexpr std::u32string_view kEndText = U"<|endoftext|>";

/// Decodes as Python's `bytes.decode("utf-8", "replace")`; `invalid`, where given, is set to the
/// byte offset of the first invalid sequence, or to npos.
std::u32string decode_utf8(std::string_view bytes, size_t* invalid = nullptr);
std::string encode_utf8(std::u32string_view text);

/// Python's `str.strip` and `regex.sub(r"\s+", " ", text)`. Their white spaces differ: `strip` also
/// takes the four separators U+001C to U+001F.
std::u32string_view strip(std::u32string_view text);
std::u32string collapse_spaces(std::u32string_view text);
/// Python's `str.lower`: the full mapping of U+0130, and the final sigma.
std::u32string lower(std::u32string_view text);

/// Text repaired (repair.h), HTML references resolved twice, white space collapsed, lower case: all
/// that precedes splitting.
std::u32string clean(std::string_view bytes);

/// The pieces of cleaned text that CLIP's pattern finds, in order; views into `text`.
std::vector<std::u32string_view> split(std::u32string_view text);

}  // namespace qprompt::tokenizer
