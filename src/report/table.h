// Tables for people and programs, and numbers as text.
#pragma once

#include <string>
#include <vector>

namespace qprompt {

/// A table: the first column is left-aligned, the others right-aligned. A row whose first cell
/// begins with two blanks is a note to the row above.
struct Table {
  std::string title;
  std::vector<std::string> header;
  std::vector<std::vector<std::string>> rows;  ///< each as long as the header
};

/// Aligned columns for a terminal; widths count Unicode code points.
std::string to_text(const Table& table);
/// GitHub-flavoured Markdown.
std::string to_markdown(const Table& table);
/// RFC 4180, one header line; the title is left out.
std::string to_csv(const Table& table);

/// "78.50", or "78.50 ± 0.42" when a deviation is given (negative: none).
std::string percent(double mean, double deviation = -1);
/// "+1.20", "-0.03".
std::string signed_number(double value);
/// "260 B", "4.1 KB", "1.8 MB" (decimal units, as the paper counts).
std::string byte_size(double bytes);
/// "0.8 s", "3 min 12 s".
std::string duration(double seconds);

}  // namespace qprompt
