#include "tokenizer/impl/text.h"

#include <utf8proc.h>

#include <algorithm>
#include <array>

#include "tokenizer/impl/html.h"
#include "tokenizer/impl/repair.h"

namespace qprompt::tokenizer {
namespace {

utf8proc_category_t category(char32_t c) {
  return utf8proc_category(static_cast<utf8proc_int32_t>(c));
}

bool is_letter(char32_t c) {
  const auto kind = category(c);
  return kind >= UTF8PROC_CATEGORY_LU && kind <= UTF8PROC_CATEGORY_LO;
}

bool is_number(char32_t c) {
  const auto kind = category(c);
  return kind >= UTF8PROC_CATEGORY_ND && kind <= UTF8PROC_CATEGORY_NO;
}

/// `\s` of Python's `regex`: Unicode's White_Space.
bool is_space(char32_t c) {
  return (c >= 0x9 && c <= 0xd) || c == 0x20 || c == 0x85 || c == 0xa0 || c == 0x1680 ||
         (c >= 0x2000 && c <= 0x200a) || c == 0x2028 || c == 0x2029 || c == 0x202f || c == 0x205f ||
         c == 0x3000;
}

/// What the pattern finds in no piece: white space and, by a quirk of `regex`, U+0345. It is no
/// letter, but has one (iota) as a case variant, so IGNORECASE keeps it out of "not a letter".
bool is_unmatched(char32_t c) { return is_space(c) || c == 0x345; }

bool is_stripped(char32_t c) { return is_space(c) || (c >= 0x1c && c <= 0x1f); }

/// Unicode's Case_Ignorable.
bool is_case_ignorable(char32_t c) {
  static constexpr std::u32string_view kMarks =
      U"'.:\u00b7\u0387\u055f\u05f4\u2018\u2019\u2024\u2027\ufe13\ufe52\ufe55\uff07\uff0e\uff1a";
  switch (category(c)) {
    case UTF8PROC_CATEGORY_MN:
    case UTF8PROC_CATEGORY_ME:
    case UTF8PROC_CATEGORY_CF:
    case UTF8PROC_CATEGORY_LM:
    case UTF8PROC_CATEGORY_SK:
      return true;
    default:
      return kMarks.find(c) != std::u32string_view::npos;
  }
}

/// Unicode's Cased, for characters that are not Case_Ignorable.
bool is_cased(char32_t c) {
  const auto kind = category(c);
  if (kind == UTF8PROC_CATEGORY_LU || kind == UTF8PROC_CATEGORY_LL ||
      kind == UTF8PROC_CATEGORY_LT) {
    return true;
  }
  return c == 0xaa || c == 0xba || (c >= 0x2160 && c <= 0x217f) || (c >= 0x24b6 && c <= 0x24e9) ||
         (c >= 0x1f130 && c <= 0x1f149) || (c >= 0x1f150 && c <= 0x1f169) ||
         (c >= 0x1f170 && c <= 0x1f189);
}

/// The number of bytes of a sequence that starts with `lead`, 0 when none does; `low` and `high`
/// bound the second byte, which keeps out overlong forms, surrogates and what is past U+10FFFF.
int sequence_length(uint8_t lead, uint8_t& low, uint8_t& high) {
  low = 0x80;
  high = 0xbf;
  if (lead < 0x80) return 1;
  if (lead >= 0xc2 && lead <= 0xdf) return 2;
  if (lead >= 0xe0 && lead <= 0xef) {
    if (lead == 0xe0) low = 0xa0;
    if (lead == 0xed) high = 0x9f;
    return 3;
  }
  if (lead >= 0xf0 && lead <= 0xf4) {
    if (lead == 0xf0) low = 0x90;
    if (lead == 0xf4) high = 0x8f;
    return 4;
  }
  return 0;
}

/// IGNORECASE of the pattern's ASCII words on lower-case text: the long s is an s.
bool starts_with(std::u32string_view text, std::u32string_view word) {
  if (text.size() < word.size()) return false;
  for (size_t i = 0; i < word.size(); ++i) {
    if (text[i] != word[i] && !(word[i] == U's' && text[i] == 0x17f)) return false;
  }
  return true;
}

}  // namespace

std::u32string decode_utf8(std::string_view bytes, size_t* invalid) {
  std::u32string out;
  out.reserve(bytes.size());
  if (invalid != nullptr) *invalid = std::string_view::npos;
  for (size_t i = 0; i < bytes.size();) {
    const auto lead = static_cast<uint8_t>(bytes[i]);
    uint8_t low = 0, high = 0;
    const int length = sequence_length(lead, low, high);
    char32_t value = length < 2 ? lead : lead & (0x7fu >> length);
    int taken = 1;
    while (taken < length && i + taken < bytes.size()) {
      const auto next = static_cast<uint8_t>(bytes[i + taken]);
      if (next < low || next > high) break;
      value = (value << 6) | (next & 0x3fu);
      low = 0x80;
      high = 0xbf;
      ++taken;
    }
    if (taken == length) {
      out.push_back(value);
    } else {
      if (invalid != nullptr && *invalid == std::string_view::npos) *invalid = i;
      out.push_back(kReplacement);
    }
    i += static_cast<size_t>(taken);
  }
  return out;
}

std::string encode_utf8(std::u32string_view text) {
  std::string out;
  out.reserve(text.size());
  for (const char32_t c : text) {
    utf8proc_uint8_t buffer[4];
    const auto n = utf8proc_encode_char(static_cast<utf8proc_int32_t>(c), buffer);
    out.append(reinterpret_cast<const char*>(buffer), static_cast<size_t>(n));
  }
  return out;
}

std::u32string_view strip(std::u32string_view text) {
  while (!text.empty() && is_stripped(text.front())) text.remove_prefix(1);
  while (!text.empty() && is_stripped(text.back())) text.remove_suffix(1);
  return text;
}

std::u32string collapse_spaces(std::u32string_view text) {
  std::u32string out;
  out.reserve(text.size());
  bool in_space = false;
  for (const char32_t c : text) {
    const bool space = is_space(c);
    if (!space) out.push_back(c);
    if (space && !in_space) out.push_back(U' ');
    in_space = space;
  }
  return out;
}

std::u32string lower(std::u32string_view text) {
  constexpr char32_t kCapitalSigma = 0x3a3, kSigma = 0x3c3, kFinalSigma = 0x3c2;
  // The next character after each capital sigma that is not Case_Ignorable decides about it; going
  // backwards finds all of them in one pass.
  std::vector<bool> before_cased(text.size());
  bool cased = false;
  for (size_t i = text.size(); i-- > 0;) {
    before_cased[i] = cased;
    if (!is_case_ignorable(text[i])) cased = is_cased(text[i]);
  }
  std::u32string out;
  out.reserve(text.size());
  bool after_cased = false;
  for (size_t i = 0; i < text.size(); ++i) {
    const char32_t c = text[i];
    if (c == kCapitalSigma) {
      out.push_back(after_cased && !before_cased[i] ? kFinalSigma : kSigma);
    } else if (c == 0x130) {
      out += U"i\u0307";
    } else {
      out.push_back(static_cast<char32_t>(utf8proc_tolower(static_cast<utf8proc_int32_t>(c))));
    }
    if (!is_case_ignorable(c)) after_cased = is_cased(c);
  }
  return out;
}

std::u32string clean(std::string_view bytes) {
  const std::u32string unescaped = html_unescape(html_unescape(repair(decode_utf8(bytes))));
  const std::u32string collapsed = collapse_spaces(strip(unescaped));
  return lower(strip(collapsed));
}

std::vector<std::u32string_view> split(std::u32string_view text) {
  static constexpr std::array<std::u32string_view, 9> kWords = {
      kStartText, kEndText, U"'s", U"'t", U"'re", U"'ve", U"'m", U"'ll", U"'d"};
  const auto is_other = [](char32_t c) {
    return !is_unmatched(c) && !is_letter(c) && !is_number(c);
  };
  std::vector<std::u32string_view> pieces;
  for (size_t i = 0; i < text.size();) {
    const std::u32string_view rest = text.substr(i);
    const auto word =
        std::find_if(kWords.begin(), kWords.end(), [&](auto w) { return starts_with(rest, w); });
    size_t length = 1;
    if (word != kWords.end()) {
      length = word->size();
    } else if (is_letter(rest[0])) {
      while (length < rest.size() && is_letter(rest[length])) ++length;
    } else if (is_unmatched(rest[0])) {
      ++i;
      continue;
    } else if (!is_number(rest[0])) {
      while (length < rest.size() && is_other(rest[length])) ++length;
    }
    pieces.push_back(rest.substr(0, length));
    i += length;
  }
  return pieces;
}

}  // namespace qprompt::tokenizer
