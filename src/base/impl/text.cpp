#include "base/text.h"

#include <algorithm>
#include <cstdint>
#include <cstdio>

#include "qprompt/base.h"

namespace qprompt {
namespace {

/// One code point, or one maximal piece that begins no well-formed one.
struct Piece {
  size_t length = 0;
  uint32_t code = 0;
  bool valid = false;
};

/// The bounds of the second byte shut out overlong forms, surrogates and what is above U+10FFFF
/// (Unicode, table 3-7).
Piece next_piece(std::string_view text) {
  const auto at = [&](size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned char first = at(0);
  if (first < 0x80) return {1, first, true};
  const size_t length = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2;
  if (first < 0xc2 || first > 0xf4) return {1, 0, false};
  unsigned char low = 0x80, high = 0xbf;
  if (first == 0xe0) low = 0xa0;
  if (first == 0xed) high = 0x9f;
  if (first == 0xf0) low = 0x90;
  if (first == 0xf4) high = 0x8f;
  uint32_t code = first & (0xffu >> (length + 1));
  for (size_t i = 1; i < length; ++i) {
    if (i >= text.size() || at(i) < low || at(i) > high) return {i, 0, false};
    code = (code << 6) | (at(i) & 0x3fu);
    low = 0x80;
    high = 0xbf;
  }
  return {length, code, true};
}

void append_utf8(std::string& out, uint32_t code) {
  const auto byte = [&out](uint32_t value) { out += static_cast<char>(value); };
  if (code < 0x80) return byte(code);
  if (code < 0x800) {
    byte(0xc0 | code >> 6);
  } else if (code < 0x10000) {
    byte(0xe0 | code >> 12);
    byte(0x80 | (code >> 6 & 0x3f));
  } else {
    byte(0xf0 | code >> 18);
    byte(0x80 | (code >> 12 & 0x3f));
    byte(0x80 | (code >> 6 & 0x3f));
  }
  byte(0x80 | (code & 0x3f));
}

bool is_harmful(uint32_t code) {
  return code < 0x20 || (code >= 0x7f && code <= 0x9f) || (code >= 0x2028 && code <= 0x202e) ||
         (code >= 0x2066 && code <= 0x2069) || code == 0x200e || code == 0x200f || code == 0x61c;
}

std::string escaped(const char* form, uint32_t value) {
  char text[16];
  std::snprintf(text, sizeof text, form, value);
  return text;
}

std::string from_utf16(std::string_view bytes, bool little, std::string_view what) {
  std::string out;
  const auto unit = [&](size_t i) {
    const auto a = static_cast<unsigned char>(bytes[i]),
               b = static_cast<unsigned char>(bytes[i + 1]);
    return static_cast<uint32_t>(little ? a | b << 8 : a << 8 | b);
  };
  if (bytes.size() % 2 != 0) {
    fail(ErrorKind::kContent, what, ": UTF-16 of ", bytes.size(),
         " bytes, an odd number; the file "
         "is broken off");
  }
  for (size_t i = 0; i < bytes.size(); i += 2) {
    uint32_t code = unit(i);
    if (code >= 0xd800 && code <= 0xdfff) {
      const uint32_t low = code < 0xdc00 && i + 2 < bytes.size() ? unit(i + 2) : 0;
      if (low < 0xdc00 || low > 0xdfff) {
        fail(ErrorKind::kContent, what, ": half a UTF-16 character at byte ", i + 2);
      }
      code = 0x10000 + ((code - 0xd800) << 10) + (low - 0xdc00);
      i += 2;
    }
    append_utf8(out, code);
  }
  return out;
}

/// "-3.5e2": what a spreadsheet may take for a number it may have.
bool is_number(std::string_view text) {
  return text.find_first_not_of("+-.0123456789eE") == text.npos &&
         text.find_first_of("0123456789") != text.npos && text.find_first_of("+-", 1) == text.npos;
}

}  // namespace

bool is_valid_utf8(std::string_view text) {
  while (!text.empty()) {
    const Piece piece = next_piece(text);
    if (!piece.valid) return false;
    text.remove_prefix(piece.length);
  }
  return true;
}

std::string valid_utf8(std::string_view text) {
  std::string out;
  while (!text.empty()) {
    const Piece piece = next_piece(text);
    out += piece.valid ? text.substr(0, piece.length) : std::string_view("\xef\xbf\xbd");
    text.remove_prefix(piece.length);
  }
  return out;
}

std::string printable(std::string_view text, bool keep_lines) {
  std::string out;
  while (!text.empty()) {
    const Piece piece = next_piece(text);
    const bool line = keep_lines && piece.valid && (piece.code == '\n' || piece.code == '\t');
    if (!piece.valid) {
      for (size_t i = 0; i < piece.length; ++i) {
        out += escaped("\\x%02x", static_cast<unsigned char>(text[i]));
      }
    } else if (line || !is_harmful(piece.code)) {
      out += text.substr(0, piece.length);
    } else {
      out += escaped(piece.code < 0x80 ? "\\x%02x" : "\\u%04x", piece.code);
    }
    text.remove_prefix(piece.length);
  }
  return out;
}

std::string csv_cell(std::string_view text) {
  std::string cell;
  const bool formula = !text.empty() && std::string_view("=+-@\t\r").find(text[0]) != text.npos;
  if (formula && !is_number(text)) cell = "'";
  cell += valid_utf8(text);
  if (cell.find_first_of(",\"\r\n") == cell.npos) return cell;
  std::string out = "\"";
  for (char c : cell) out += c == '"' ? std::string("\"\"") : std::string(1, c);
  return out + '"';
}

std::string decoded_text(std::string_view bytes, std::string_view what) {
  if (bytes.substr(0, 3) == "\xef\xbb\xbf") return std::string(bytes.substr(3));
  if (bytes.substr(0, 2) == "\xff\xfe") return from_utf16(bytes.substr(2), true, what);
  if (bytes.substr(0, 2) == "\xfe\xff") return from_utf16(bytes.substr(2), false, what);
  return std::string(bytes);
}

}  // namespace qprompt
