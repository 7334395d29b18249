// Tables as text: comma- or tab-separated lines (RFC 4180), or a JSON object a line.
#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>

#include "base/json_depth.h"
#include "base/text.h"
#include "dataset/impl/readers.h"
#include "dataset/impl/tables.h"

namespace qprompt::dataset {
namespace {

using nlohmann::json;

constexpr size_t kMaxColumns = 1024;
constexpr size_t kNoColumn = static_cast<size_t>(-1);

std::string small(std::string text) {
  for (char& c : text) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
  return text;
}

using Names = std::vector<std::string_view>;
const Names kPathNames{"file_name", "path",       "filename",   "filepath", "file",
                       "image",     "image_path", "image_file", "img"};
const Names kLabelNames{"label",    "class",  "class_name", "classname",
                        "category", "target", "label_name"};
const Names kPartNames{"split", "part", "set", "subset"};

/// Lines of cells, with the line each began on.
class CellReader {
 public:
  CellReader(const std::string& file, std::string_view text, char separator)
      : file_(file), text_(text), separator_(separator) {}

  /// The next line that is not empty; false at the end.
  bool next(std::vector<std::string>& cells) {
    while (at_ < text_.size()) {
      begun_ = ++line_;
      cells.clear();
      while (read_cell(cells)) {
        if (cells.size() > kMaxColumns) refuse("more than ", kMaxColumns, " columns");
      }
      if (cells.size() > 1 || !cells.front().empty()) return true;
    }
    return false;
  }
  int64_t line() const { return begun_; }
  template <class... What>
  [[noreturn]] void refuse(const What&... what) const {
    fail(ErrorKind::kContent, "the table '", file_, "', line ", begun_, ": ", what...);
  }

 private:
  /// One cell and what ends it; true where another one of the line follows.
  bool read_cell(std::vector<std::string>& cells) {
    std::string cell;
    if (at_ < text_.size() && text_[at_] == '"') {
      read_quoted(cell);
    } else {
      const size_t end = std::min(text_.find_first_of(ends_of_cell(), at_), text_.size());
      cell = text_.substr(at_, end - at_);
      at_ = end;
    }
    cells.push_back(std::move(cell));
    if (at_ == text_.size()) return false;
    const char end = text_[at_++];
    if (end == separator_) return true;
    if (end == '\r' && at_ < text_.size() && text_[at_] == '\n') ++at_;
    if (end != '\r' && end != '\n') refuse("text follows a closing quotation mark");
    return false;
  }
  void read_quoted(std::string& cell) {
    for (++at_; at_ < text_.size(); ++at_) {
      if (text_[at_] == '\n') ++line_;
      if (text_[at_] != '"') {
        cell += text_[at_];
      } else if (at_ + 1 < text_.size() && text_[at_ + 1] == '"') {
        cell += text_[at_++];
      } else {
        ++at_;
        return;
      }
    }
    refuse("a quotation mark is not closed");
  }
  std::string ends_of_cell() const { return {separator_, '\r', '\n'}; }

  const std::string& file_;
  std::string_view text_;
  char separator_;
  size_t at_ = 0;
  int64_t line_ = 0, begun_ = 0;
};

size_t find_column(const std::vector<std::string>& header, const Names& names) {
  for (const std::string_view name : names) {
    for (size_t i = 0; i < header.size(); ++i) {
      if (small(header[i]) == name) return i;
    }
  }
  return kNoColumn;
}

/// Which columns a table has, from its first line; whether that line names them.
struct Columns {
  size_t path = kNoColumn, label = kNoColumn, part = kNoColumn;
  bool named = true;
};

Columns read_columns(const CellReader& reader, const std::vector<std::string>& first) {
  Columns columns{find_column(first, kPathNames), find_column(first, kLabelNames),
                  find_column(first, kPartNames), true};
  if (columns.path == kNoColumn && columns.label == kNoColumn && first.size() == 2) {
    return {0, 1, kNoColumn, false};
  }
  if (columns.path == kNoColumn || columns.label == kNoColumn) {
    reader.refuse(
        "a column for the path (file_name, path, image, …) and one for the label (label, "
        "class, category, …) were expected; give the table a first line that names them");
  }
  return columns;
}

std::vector<TableRow> parse_cells(const std::string& file, std::string_view text, char separator) {
  CellReader reader(file, text, separator);
  std::vector<TableRow> rows;
  std::vector<std::string> cells;
  if (!reader.next(cells)) return rows;
  const Columns columns = read_columns(reader, cells);
  const auto take = [&] {
    const size_t needed = std::max(columns.path, columns.label) + 1;
    if (cells.size() < needed) {
      reader.refuse(cells.size(), " columns; at least ", needed, " were expected");
    }
    TableRow row{with_slashes(cells[columns.path]), cells[columns.label], ""};
    if (columns.part < cells.size()) row.part = cells[columns.part];
    if (const std::string fault = path_fault(row.path); !fault.empty()) reader.refuse(fault);
    if (row.label.empty()) reader.refuse("the label is empty");
    if (static_cast<int64_t>(rows.size()) == kMaxItems) {
      reader.refuse("more than ", kMaxItems, " images");
    }
    rows.push_back(std::move(row));
  };
  if (!columns.named) take();
  while (reader.next(cells)) take();
  return rows;
}

std::string text_of(const json& object, const Names& names) {
  for (const std::string_view name : names) {
    const auto found = object.find(std::string(name));
    if (found == object.end()) continue;
    if (found->is_string()) return found->get<std::string>();
    if (found->is_number_integer()) return cat(found->get<int64_t>());
  }
  return "";
}

std::vector<TableRow> parse_json_lines(const std::string& file, std::string_view text) {
  std::vector<TableRow> rows;
  int64_t line_number = 0;
  while (!text.empty()) {
    const size_t end = std::min(text.find('\n'), text.size());
    const std::string_view line = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    ++line_number;
    if (line.find_first_not_of(" \t\r") == std::string_view::npos) continue;
    const auto refuse = [&](const auto&... what) {
      fail(ErrorKind::kContent, "the table '", file, "', line ", line_number, ": ", what...);
    };
    if (json_is_deeper_than(line, kMaxJsonDepth)) refuse("its JSON is nested too deep");
    const json object = json::parse(line, nullptr, false);
    if (!object.is_object()) refuse("a JSON object was expected");
    TableRow row{with_slashes(text_of(object, kPathNames)), text_of(object, kLabelNames),
                 text_of(object, kPartNames)};
    if (row.path.empty() || row.label.empty()) {
      refuse("file_name and label, as text or whole number, were expected");
    }
    if (const std::string fault = path_fault(row.path); !fault.empty()) refuse(fault);
    if (static_cast<int64_t>(rows.size()) == kMaxItems) refuse("more than ", kMaxItems, " images");
    rows.push_back(std::move(row));
  }
  return rows;
}

}  // namespace

std::vector<TableRow> parse_table(const std::string& file, std::string_view bytes) {
  const std::string text = decoded_text(bytes, file);
  if (!is_valid_utf8(text)) {
    fail(ErrorKind::kContent, "the table '", file, "' is not UTF-8; save it as that");
  }
  if (file.ends_with(".jsonl")) return parse_json_lines(file, text);
  const std::string_view first = std::string_view(text).substr(0, text.find('\n'));
  const bool tabs = file.ends_with(".tsv") || first.find('\t') != std::string_view::npos;
  const bool semicolons =
      first.find(',') == std::string_view::npos && first.find(';') != std::string_view::npos;
  return parse_cells(file, text, tabs ? '\t' : semicolons ? ';' : ',');
}

}  // namespace qprompt::dataset
