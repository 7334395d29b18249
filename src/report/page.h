// A page that opens from disk: no script, no outside part; light or dark as the reader's system,
// from a phone's width on.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "report/table.h"

namespace qprompt {

/// The text with &, <, >, " and ' made harmless in HTML and SVG.
std::string html_escape(const std::string& text);
std::string html_paragraph(const std::string& text);
std::string html_table(const Table& table);

/// What a page says of itself before anything else.
struct PageHead {
  std::string title;
  /// "date", "model", "command", …: text. Empty ones are left out.
  std::vector<std::pair<std::string, std::string>> facts;
};
/// `body` is HTML; a heading and the facts go before it.
std::string html_page(const PageHead& head, const std::string& body);
/// "2026-11-26 00:03 UTC"; of SOURCE_DATE_EPOCH where that is set.
std::string date_and_time();

}  // namespace qprompt
