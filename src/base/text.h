// Texts from outside: made valid, made harmless to print, and taken out of what editors write.
#pragma once

#include <string>
#include <string_view>

namespace qprompt {

/// True where every byte belongs to well-formed UTF-8 (RFC 3629: no surrogates, nothing overlong,
/// nothing above U+10FFFF).
bool is_valid_utf8(std::string_view text);
/// The text with U+FFFD for each maximal piece that is no UTF-8 (as the Unicode standard advises).
std::string valid_utf8(std::string_view text);

/// What a person may safely be shown: bytes that are no UTF-8, control characters (C0, DEL and C1,
/// with which a terminal is steered), line and paragraph separators and the marks that turn the
/// direction of writing are written \x1b or \u202e. `keep_lines` leaves line breaks and tabs.
std::string printable(std::string_view text, bool keep_lines = false);

/// One cell of a CSV file: always between quotes where RFC 4180 asks for them, and with a ' before
/// what a spreadsheet would take for a formula (= + - @ tab CR in front; numbers stay).
std::string csv_cell(std::string_view text);

/// UTF-8 from what a text editor saved: a byte-order mark is dropped, UTF-16 with one (either
/// order) is converted. Throws Error(kContent) naming `what` on UTF-16 that is broken off.
std::string decoded_text(std::string_view bytes, std::string_view what);

/// Throws Error(kContent), naming `what` and the line, where a TOML text nests values or dotted
/// keys deeper than `most`: parsers and the trees that they build recurse once a level.
void check_toml_depth(std::string_view text, std::string_view what, int most = 64);

}  // namespace qprompt
