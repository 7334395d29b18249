#include "report/table.h"

#include <algorithm>
#include <cmath>
#include <cstdio>

#include "base/text.h"

namespace qprompt {
namespace {

size_t display_width(const std::string& text) {
  return static_cast<size_t>(
      std::count_if(text.begin(), text.end(), [](char c) { return (c & 0xc0) != 0x80; }));
}

std::string padded(const std::string& text, size_t width, bool right) {
  const std::string space(width - std::min(width, display_width(text)), ' ');
  return right ? space + text : text + space;
}

std::vector<size_t> column_widths(const Table& table) {
  std::vector<size_t> widths;
  for (const std::string& cell : table.header) widths.push_back(display_width(cell));
  for (const auto& row : table.rows) {
    for (size_t c = 0; c < row.size() && c < widths.size(); ++c) {
      widths[c] = std::max(widths[c], display_width(row[c]));
    }
  }
  return widths;
}

/// Cells come from file and class names, which may hold what steers a terminal.
Table harmless(Table table) {
  table.title = printable(table.title, true);
  for (std::string& cell : table.header) cell = printable(cell);
  for (auto& row : table.rows) {
    for (std::string& cell : row) cell = printable(cell);
  }
  return table;
}

std::string markdown_cell(const std::string& text) {
  std::string out;
  for (char c : text) out += c == '|' ? std::string("\\|") : std::string(1, c);
  return out;
}

std::string number(const char* format, double value) {
  char text[64];
  std::snprintf(text, sizeof text, format, value);
  return text;
}

}  // namespace

std::string to_text(const Table& raw) {
  const Table table = harmless(raw);
  const std::vector<size_t> widths = column_widths(table);
  std::string out = table.title.empty() ? "" : table.title + "\n";
  const auto line = [&](const std::vector<std::string>& cells) {
    for (size_t c = 0; c < cells.size(); ++c) {
      out += (c ? "  " : "") + padded(cells[c], widths[c], c > 0);
    }
    while (!out.empty() && out.back() == ' ') out.pop_back();
    out += '\n';
  };
  line(table.header);
  size_t total = 0;
  for (size_t w : widths) total += w + 2;
  out += std::string(total < 2 ? 0 : total - 2, '-') + "\n";
  for (const auto& row : table.rows) line(row);
  return out;
}

std::string to_markdown(const Table& raw) {
  const Table table = harmless(raw);
  std::string out = table.title.empty() ? "" : "**" + table.title + "**\n\n";
  const auto line = [&](const std::vector<std::string>& cells) {
    out += '|';
    for (const std::string& cell : cells) out += ' ' + markdown_cell(cell) + " |";
    out += '\n';
  };
  line(table.header);
  out += '|';
  for (size_t c = 0; c < table.header.size(); ++c) out += c == 0 ? "---|" : "--:|";
  out += '\n';
  for (const auto& row : table.rows) line(row);
  return out;
}

std::string percent(double mean, double deviation) {
  const std::string text = number("%.2f", mean);
  return deviation < 0 ? text : text + " ± " + number("%.2f", deviation);
}

std::string signed_number(double value) { return number("%+.2f", value); }

std::string byte_size(double bytes) {
  if (bytes < 1000) return number("%.0f B", bytes);
  if (bytes < 1e6) return number("%.1f KB", bytes / 1e3);
  if (bytes < 1e9) return number("%.1f MB", bytes / 1e6);
  return number("%.1f GB", bytes / 1e9);
}

std::string duration(double seconds) {
  if (seconds < 60) return number("%.1f s", seconds);
  const auto whole = static_cast<long>(std::lround(seconds));
  return std::to_string(whole / 60) + " min " + std::to_string(whole % 60) + " s";
}

}  // namespace qprompt
