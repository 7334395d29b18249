#include "tokenizer/impl/html.h"

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <unordered_map>

#include "tokenizer/impl/text.h"

namespace qprompt::tokenizer {
namespace {

constexpr size_t kMaxNameLength = 32;  // characters after '&', the semicolon not counted

/// Names as written after '&', those that need it with their semicolon → what they stand for.
using Names = std::unordered_map<std::string_view, std::u32string>;

std::u32string parse_code_points(std::string_view hexes) {
  std::u32string out;
  for (size_t at = 0; at < hexes.size();) {
    const size_t comma = std::min(hexes.find(',', at), hexes.size());
    uint32_t value = 0;
    std::from_chars(hexes.data() + at, hexes.data() + comma, value, 16);
    out.push_back(static_cast<char32_t>(value));
    at = comma + 1;
  }
  return out;
}

Names parse_names() {
  Names names;
  for (const std::string_view line : html_entity_lines()) {
    for (size_t at = 0; at < line.size();) {
      const size_t end = std::min(line.find(' ', at), line.size());
      const std::string_view entry = line.substr(at, end - at);
      const size_t mark = entry.find_first_of(":!");
      // A name is looked up without its semicolon; ':' then says that there must have been one.
      names.emplace(entry.substr(0, mark),
                    char32_t(entry[mark]) + parse_code_points(entry.substr(mark + 1)));
      at = end + 1;
    }
  }
  return names;
}

/// What `name` (no '&', no ';') stands for, or null when it is unknown or needs a semicolon.
const std::u32string* find_name(std::u32string_view name, bool semicolon) {
  static const Names names = parse_names();
  std::string ascii;
  for (const char32_t c : name) {
    if (c >= 0x80) return nullptr;
    ascii.push_back(static_cast<char>(c));
  }
  const auto found = names.find(ascii);
  if (found == names.end() || (found->second[0] == U':' && !semicolon)) return nullptr;
  return &found->second;
}

bool is_digit(char32_t c) { return c >= U'0' && c <= U'9'; }

int hex_value(char32_t c) {
  if (is_digit(c)) return static_cast<int>(c - U'0');
  if (c >= U'a' && c <= U'f') return static_cast<int>(c - U'a') + 10;
  if (c >= U'A' && c <= U'F') return static_cast<int>(c - U'A') + 10;
  return -1;
}

/// References that browsers read as Windows-1252, and those that stand for nothing.
void append_number(uint32_t number, std::u32string& out) {
  static constexpr char32_t kWindows1252[32] = {
      0x20ac, 0x81,   0x201a, 0x192,  0x201e, 0x2026, 0x2020, 0x2021, 0x2c6,  0x2030, 0x160,
      0x2039, 0x152,  0x8d,   0x17d,  0x8f,   0x90,   0x2018, 0x2019, 0x201c, 0x201d, 0x2022,
      0x2013, 0x2014, 0x2dc,  0x2122, 0x161,  0x203a, 0x153,  0x9d,   0x17e,  0x178};
  if (number >= 0x80 && number < 0xa0) {
    out.push_back(kWindows1252[number - 0x80]);
  } else if (number == 0 || (number >= 0xd800 && number < 0xe000) || number > 0x10ffff) {
    out.push_back(kReplacement);
  } else if ((number < 0x20 && number != 0x9 && number != 0xa && number != 0xc && number != 0xd) ||
             number == 0x7f || (number >= 0xfdd0 && number <= 0xfdef) ||
             (number & 0xfffe) == 0xfffe) {
    return;
  } else {
    out.push_back(static_cast<char32_t>(number));
  }
}

/// Resolves "#…" at `at`, just after "&"; returns the end of the reference, `at` if it is none.
size_t unescape_number(std::u32string_view text, size_t at, std::u32string& out) {
  size_t i = at + 1;
  const bool hex = i < text.size() && (text[i] == U'x' || text[i] == U'X');
  if (hex) ++i;
  const size_t first = i;
  const uint32_t base = hex ? 16 : 10;
  uint32_t number = 0;
  for (; i < text.size(); ++i) {
    const int digit = hex ? hex_value(text[i]) : (is_digit(text[i]) ? hex_value(text[i]) : -1);
    if (digit < 0) break;
    number = std::min<uint32_t>(number * base + static_cast<uint32_t>(digit), 0x110000);
  }
  if (i == first) return at;
  append_number(number, out);
  return i < text.size() && text[i] == U';' ? i + 1 : i;
}

/// The same for a name: all of it, else its longest known prefix that needs no semicolon.
size_t unescape_name(std::u32string_view text, size_t at, std::u32string& out) {
  static constexpr std::u32string_view kEnds = U"\t\n\f <&#;";
  size_t end = at;
  while (end < text.size() && end - at < kMaxNameLength &&
         kEnds.find(text[end]) == std::u32string_view::npos) {
    ++end;
  }
  if (end == at) return at;
  const bool semicolon = end < text.size() && text[end] == U';';
  if (const auto* value = find_name(text.substr(at, end - at), semicolon)) {
    out.append(*value, 1);
    return semicolon ? end + 1 : end;
  }
  for (size_t length = end - at; length >= 2; --length) {
    if (const auto* value = find_name(text.substr(at, length), false)) {
      out.append(*value, 1);
      return at + length;
    }
  }
  return at;
}

}  // namespace

std::u32string html_unescape(std::u32string_view text) {
  std::u32string out;
  out.reserve(text.size());
  for (size_t i = 0; i < text.size();) {
    if (text[i] != U'&') {
      out.push_back(text[i++]);
      continue;
    }
    const size_t at = i + 1;
    const bool number = at < text.size() && text[at] == U'#';
    const size_t end = number ? unescape_number(text, at, out) : unescape_name(text, at, out);
    if (end == at) out.push_back(U'&');
    i = end;
  }
  return out;
}

}  // namespace qprompt::tokenizer
