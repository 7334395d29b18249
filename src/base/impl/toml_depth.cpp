#include <algorithm>

#include "base/text.h"
#include "qprompt/base.h"

namespace qprompt {
namespace {

/// Where the string that begins at `at` ends: after its closing quotes, or at the end of the line
/// or text, where the parser will complain. Three quotes begin one of several lines.
size_t end_of_string(std::string_view text, size_t at) {
  const char quote = text[at];
  const std::string three(3, quote);
  const bool lines = text.substr(at, 3) == three;
  const std::string end = lines ? three : std::string(1, quote);
  for (at += end.size(); at < text.size(); ++at) {
    if (quote == '"' && text[at] == '\\') {
      ++at;
    } else if (text.substr(at, end.size()) == end) {
      return at + end.size();
    } else if (!lines && text[at] == '\n') {
      return at;
    }
  }
  return text.size();
}

}  // namespace

void check_toml_depth(std::string_view text, std::string_view what, int most) {
  int nested = 0, dots = 0, line = 1;
  const auto check = [&](int depth) {
    if (depth <= most) return;
    fail(ErrorKind::kContent, what, ", line ", line, ": nested deeper than ", most,
         " levels, which no such file needs");
  };
  for (size_t i = 0; i < text.size();) {
    const char c = text[i];
    if (c == '"' || c == '\'') {
      const size_t end = end_of_string(text, i);
      line += static_cast<int>(std::count(text.begin() + static_cast<std::ptrdiff_t>(i),
                                          text.begin() + static_cast<std::ptrdiff_t>(end), '\n'));
      i = end;
      continue;
    }
    if (c == '#') {
      i = std::min(text.find('\n', i), text.size());
      continue;
    }
    if (c == '[' || c == '{') ++nested;
    if ((c == ']' || c == '}') && nested > 0) --nested;
    if (c == '\n') ++line;
    if (c == '.') check(++dots);
    if (c == '\n' || c == '=' || c == ',' || c == '[' || c == '{') dots = 0;
    check(nested);
    ++i;
  }
}

}  // namespace qprompt
