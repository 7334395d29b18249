#include "tokenizer/impl/repair.h"

#include <utf8proc.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <memory>

#include "tokenizer/impl/html.h"
#include "tokenizer/impl/text.h"

namespace qprompt::tokenizer {
namespace {

bool is_ascii_digit(char32_t c) { return c >= U'0' && c <= U'9'; }
bool is_ascii_letter(char32_t c) { return (c >= U'a' && c <= U'z') || (c >= U'A' && c <= U'Z'); }

struct Expansion {
  char32_t from;
  std::u32string_view to;
};

constexpr std::array<Expansion, 22> kLigatures{
    {{U'Ĳ', U"IJ"},  {U'ĳ', U"ij"},  {U'ŉ', U"ʼn"}, {U'Ǳ', U"DZ"}, {U'ǲ', U"Dz"}, {U'ǳ', U"dz"},
     {U'Ǆ', U"DŽ"},  {U'ǅ', U"Dž"},  {U'ǆ', U"dž"}, {U'Ǉ', U"LJ"}, {U'ǈ', U"Lj"}, {U'ǉ', U"lj"},
     {U'Ǌ', U"NJ"},  {U'ǋ', U"Nj"},  {U'ǌ', U"nj"}, {U'ﬀ', U"ff"}, {U'ﬁ', U"fi"}, {U'ﬂ', U"fl"},
     {U'ﬃ', U"ffi"}, {U'ﬄ', U"ffl"}, {U'ﬅ', U"ſt"}, {U'ﬆ', U"st"}}};

/// What of HTML's characters has an upper case of several characters.
constexpr std::array<Expansion, 7> kWideUpperCases{{{U'ß', U"SS"},
                                                    {U'ŉ', U"ʼN"},
                                                    {U'ﬀ', U"FF"},
                                                    {U'ﬁ', U"FI"},
                                                    {U'ﬂ', U"FL"},
                                                    {U'ﬃ', U"FFI"},
                                                    {U'ﬄ', U"FFL"}}};

template <size_t N>
const Expansion* find_expansion(const std::array<Expansion, N>& table, char32_t c) {
  const auto found =
      std::find_if(table.begin(), table.end(), [&](const auto& entry) { return entry.from == c; });
  return found == table.end() ? nullptr : &*found;
}

/// Python's `str.upper` of what HTML's names stand for.
std::u32string upper(std::u32string_view text) {
  std::u32string out;
  for (const char32_t c : text) {
    if (const Expansion* wide = find_expansion(kWideUpperCases, c)) {
      out += wide->to;
    } else {
      out.push_back(static_cast<char32_t>(utf8proc_toupper(static_cast<utf8proc_int32_t>(c))));
    }
  }
  return out;
}

/// One "&name;" or "&#number;": what it stands for, or itself where it is unknown. Names written in
/// capitals count where only the small ones are known.
std::u32string resolve_reference(std::u32string_view reference) {
  const auto whole = [](std::u32string_view resolved) {
    return resolved == U";" || resolved.find(U';') == std::u32string_view::npos;
  };
  std::u32string resolved = html_unescape(reference);
  const bool number = reference[1] == U'#';
  if (number)
    return resolved.find(U';') == std::u32string::npos ? resolved : std::u32string(reference);
  if (whole(resolved)) return resolved;
  std::u32string small(reference);
  for (char32_t& c : small) {
    if (c >= U'a' && c <= U'z') return std::u32string(reference);
    if (c >= U'A' && c <= U'Z') c += 32;
  }
  resolved = html_unescape(small);
  return whole(resolved) ? upper(resolved) : std::u32string(reference);
}

/// Replaces what matches "&#?[0-9A-Za-z]{1,24};".
std::u32string resolve_references(std::u32string_view text) {
  constexpr size_t kLongestName = 24;
  std::u32string out;
  out.reserve(text.size());
  for (size_t i = 0; i < text.size();) {
    size_t end = i + 1;
    if (text[i] == U'&' && end < text.size() && text[end] == U'#') ++end;
    const size_t name = end;
    while (text[i] == U'&' && end < text.size() && end - name < kLongestName &&
           (is_ascii_digit(text[end]) || is_ascii_letter(text[end]))) {
      ++end;
    }
    if (end > name && end < text.size() && text[end] == U';') {
      out += resolve_reference(text.substr(i, end + 1 - i));
      i = end + 1;
    } else {
      out.push_back(text[i++]);
    }
  }
  return out;
}

/// U+0080 to U+009F as Windows-1252 has them; five of them it does not.
char32_t windows_character(char32_t c) {
  constexpr std::u32string_view kTable =
      U"\u20ac\x81\u201a\u0192\u201e\u2026\u2020\u2021\u02c6\u2030\u0160\u2039\u0152\x8d\u017d\x8f"
      U"\x90\u2018\u2019\u201c\u201d\u2022\u2013\u2014\u02dc\u2122\u0161\u203a\u0153\x9d\u017e"
      U"\u0178";
  return c >= 0x80 && c <= 0x9f ? kTable[c - 0x80] : c;
}

/// The compatibility form of a full or half width character, where that is one character.
char32_t usual_width(char32_t c) {
  if (c == 0x3000) return U' ';
  if (c < 0xff01 || c > 0xffef) return c;
  utf8proc_int32_t target[4];
  const auto options = static_cast<utf8proc_option_t>(UTF8PROC_DECOMPOSE | UTF8PROC_COMPAT);
  int boundary = 0;
  const auto n =
      utf8proc_decompose_char(static_cast<utf8proc_int32_t>(c), target, 4, options, &boundary);
  return n == 1 ? static_cast<char32_t>(target[0]) : c;
}

char32_t straight_quote(char32_t c) {
  if (c == 0x2bc || (c >= 0x2018 && c <= 0x201b)) return U'\'';
  return c >= 0x201c && c <= 0x201f ? U'"' : c;
}

bool is_line_break(char32_t c) { return c == U'\r' || c == 0x2028 || c == 0x2029 || c == 0x85; }

bool is_dropped_control(char32_t c) {
  return c < 0x9 || c == 0xb || (c >= 0xe && c < 0x20) || c == 0x7f ||
         (c >= 0x206a && c <= 0x206f) || c == 0xfeff || (c >= 0xfff9 && c <= 0xfffc);
}

std::u32string replace_characters(std::u32string_view text) {
  std::u32string spread;
  spread.reserve(text.size());
  for (const char32_t original : text) {
    const char32_t c = windows_character(original);
    if (c == 0xffe3) {  // the macron alone has two characters
      spread += U" \u0304";
    } else if (const Expansion* ligature = find_expansion(kLigatures, c)) {
      spread += ligature->to;
    } else {
      spread.push_back(usual_width(c));
    }
  }
  std::u32string out;
  for (size_t i = 0; i < spread.size(); ++i) {
    const bool windows_break =
        spread[i] == U'\r' && i + 1 < spread.size() && spread[i + 1] == U'\n';
    if (windows_break) continue;
    out.push_back(is_line_break(spread[i]) ? U'\n' : straight_quote(spread[i]));
  }
  return out;
}

/// Drops terminal escapes ("\033[36;44m") and control characters.
std::u32string drop_controls(std::u32string_view text) {
  std::u32string out;
  out.reserve(text.size());
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] == 0x1b && i + 1 < text.size() && text[i + 1] == U'[') {
      size_t end = i + 2;
      while (end < text.size() && (is_ascii_digit(text[end]) || text[end] == U';')) ++end;
      if (end < text.size() && is_ascii_letter(text[end])) {
        i = end;
        continue;
      }
    }
    if (!is_dropped_control(text[i])) out.push_back(text[i]);
  }
  return out;
}

std::u32string compose(const std::u32string& text) {
  const bool plain = std::all_of(text.begin(), text.end(), [](char32_t c) { return c < 0x300; });
  if (plain) return text;
  const std::string utf8 = encode_utf8(text);
  utf8proc_uint8_t* composed = nullptr;
  const auto length =
      utf8proc_map(reinterpret_cast<const utf8proc_uint8_t*>(utf8.data()),
                   static_cast<utf8proc_ssize_t>(utf8.size()), &composed,
                   static_cast<utf8proc_option_t>(UTF8PROC_STABLE | UTF8PROC_COMPOSE));
  const std::unique_ptr<utf8proc_uint8_t, decltype(&std::free)> owner(composed, std::free);
  if (length < 0) return text;
  return decode_utf8({reinterpret_cast<const char*>(composed), static_cast<size_t>(length)});
}

/// One line, with its end; ftfy takes text apart at line breaks.
std::u32string repair_line(std::u32string_view line, bool references) {
  constexpr int kMaxRounds = 64;  // each takes one "amp;" of "&amp;amp;…": hostile text has many
  std::u32string text(line);
  for (int round = 0; round < kMaxRounds; ++round) {
    std::u32string next = references ? resolve_references(text) : text;
    next = compose(drop_controls(replace_characters(next)));
    if (next == text) break;
    text = std::move(next);
  }
  return text;
}

}  // namespace

std::u32string repair(std::u32string_view text) {
  std::u32string out;
  bool references = true;
  while (!text.empty()) {
    const size_t end = std::min(text.find(U'\n'), text.size() - 1) + 1;
    const std::u32string_view line = text.substr(0, end);
    text.remove_prefix(end);
    // The first "<" says that the text is HTML itself, from there on.
    references = references && line.find(U'<') == std::u32string_view::npos;
    out += repair_line(line, references);
  }
  return out;
}

}  // namespace qprompt::tokenizer
