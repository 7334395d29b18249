#include "base/names.h"

#include <sys/stat.h>

#include <algorithm>
#include <istream>
#include <iterator>
#include <map>

#include "base/text.h"
#include "qprompt/base.h"

namespace qprompt {
namespace {

constexpr int kEnd = std::istream::traits_type::eof();
constexpr int64_t kMaxNamesFile = int64_t{64} << 20;

/// One name and where it stands, for messages.
struct PlacedName {
  std::string name, place;
};

/// Without blanks around it: ASCII's, and those that look like them (U+00A0, U+3000, U+FEFF).
std::string_view trimmed(std::string_view text) {
  constexpr std::string_view kAscii = " \t\r\n\v\f";
  static constexpr std::string_view kWide[] = {"\xc2\xa0", "\xe3\x80\x80", "\xef\xbb\xbf"};
  for (bool again = true; again;) {
    const size_t before = text.size();
    text.remove_prefix(std::min(text.find_first_not_of(kAscii), text.size()));
    text = text.substr(0, text.find_last_not_of(kAscii) + 1);
    for (const std::string_view blank : kWide) {
      if (text.substr(0, blank.size()) == blank) text.remove_prefix(blank.size());
      if (text.size() >= blank.size() && text.substr(text.size() - blank.size()) == blank) {
        text.remove_suffix(blank.size());
      }
    }
    again = text.size() != before;
  }
  return text;
}

void check_name(std::string_view name, const std::string& place, ErrorKind kind) {
  if (!is_valid_utf8(name)) {
    fail(kind, place, ": '", printable(name), "' is not UTF-8; save the list as UTF-8");
  }
  if (std::any_of(name.begin(), name.end(),
                  [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; })) {
    fail(kind, place, ": '", printable(name.substr(0, 60)),
         "' holds a control character, which no name does; is this a list of names?");
  }
}

std::vector<PlacedName> names_of_lines(std::string_view bytes, const std::string& what) {
  const std::string text = decoded_text(bytes, what);
  std::vector<PlacedName> names;
  int64_t line = 1;
  for (size_t begin = 0; begin < text.size(); ++line) {
    const size_t end = std::min(text.find('\n', begin), text.size());
    const std::string_view name = trimmed(std::string_view(text).substr(begin, end - begin));
    begin = end + 1;
    if (name.empty()) continue;
    const std::string place = cat(what, ", line ", line);
    check_name(name, place, ErrorKind::kContent);
    names.push_back({std::string(name), place});
  }
  return names;
}

/// Splits at commas outside double quotes; a doubled quote within is one.
std::vector<PlacedName> names_of_list(const std::string& text, const std::string& option) {
  std::vector<PlacedName> names;
  std::string name;
  bool quoted = false, was_quoted = false;
  const auto take = [&] {
    const std::string kept(was_quoted ? std::string_view(name) : trimmed(name));
    const std::string place = cat(option, ", name ", names.size() + 1);
    name.clear();
    was_quoted = false;
    if (kept.empty()) return;
    check_name(kept, place, ErrorKind::kUsage);
    names.push_back({kept, place});
  };
  for (size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    const bool doubled = quoted && c == '"' && text.substr(i + 1, 1) == "\"";
    if (doubled) ++i;
    if (c == '"' && !doubled && (quoted || trimmed(name).empty())) {
      if (!quoted) name.clear();
      quoted = !quoted;
      was_quoted = true;
    } else if (c == ',' && !quoted) {
      take();
    } else if (quoted || !was_quoted || c != ' ') {
      name += c;
    }
  }
  if (quoted) fail(ErrorKind::kUsage, option, ": a double quote is opened and not closed");
  take();
  return names;
}

bool is_plain_file(const std::string& path) {
  struct stat info {};
  return ::stat(path.c_str(), &info) == 0 && !S_ISDIR(info.st_mode);
}

std::vector<std::string> checked_labels(const std::vector<PlacedName>& names,
                                        const std::string& what) {
  if (names.empty()) {
    fail(ErrorKind::kUsage, what,
         " names no class; give a file with one name a line, or names with commas between");
  }
  std::map<std::string, std::string> seen;
  std::vector<std::string> labels;
  for (const auto& [name, place] : names) {
    const auto [first, is_new] = seen.emplace(name, place);
    if (!is_new) {
      fail(ErrorKind::kUsage, "the class '", name, "' is named twice: ", first->second, " and ",
           place);
    }
    labels.push_back(name);
  }
  return labels;
}

}  // namespace

std::vector<std::string> parse_names(std::string_view bytes, const std::string& what) {
  std::vector<std::string> names;
  for (PlacedName& placed : names_of_lines(bytes, what)) names.push_back(std::move(placed.name));
  return names;
}

std::vector<std::string> read_labels(const std::string& text, const std::string& option) {
  const bool comma = text.find(',') != text.npos, folder = text.find('/') != text.npos;
  if ((!comma || folder) && is_plain_file(text)) {
    const std::string what = "'" + text + "'";
    return checked_labels(names_of_lines(read_file(text, kMaxNamesFile), what), what);
  }
  if (!comma && !trimmed(text).empty()) {
    fail(ErrorKind::kPath, option, ": there is no file '", text,
         "'; give a file with one class a line, or classes with commas between (one class alone: '",
         text, ",')");
  }
  return checked_labels(names_of_list(text, option), option + " '" + text + "'");
}

std::vector<std::string> read_templates(const std::vector<std::string>& given,
                                        const std::string& option) {
  std::vector<std::string> templates;
  for (const std::string& text : given) {
    if (text.find("{}") != text.npos) {
      check_name(text, option, ErrorKind::kUsage);
      templates.push_back(text);
      continue;
    }
    if (!is_plain_file(text)) {
      fail(ErrorKind::kUsage, option, ": '", text,
           "' has no {} for the class name, and there is no file of that name with templates");
    }
    for (const auto& [line, place] :
         names_of_lines(read_file(text, kMaxNamesFile), "'" + text + "'")) {
      if (line.find("{}") == line.npos) {
        fail(ErrorKind::kContent, place, ": '", line, "' has no {} for the class name");
      }
      templates.push_back(line);
    }
  }
  return templates;
}

/// At most three bytes decide, and they are read only as far as they can be a mark, so that a short
/// first line is not waited for in vain.
void PathStream::look_for_mark() {
  started_ = true;
  if (null_separated_) return;
  static constexpr std::string_view kMarks[] = {"\xef\xbb\xbf", "\xff\xfe", "\xfe\xff"};
  const auto may_be_mark = [&] {
    return std::any_of(std::begin(kMarks), std::end(kMarks), [&](std::string_view mark) {
      return begun_.size() < mark.size() && mark.substr(0, begun_.size()) == begun_;
    });
  };
  while (may_be_mark()) {
    const int c = in_.get();
    if (c == kEnd) break;
    begun_ += static_cast<char>(c);
  }
  if (begun_ == kMarks[0]) {
    begun_.clear();
  } else if (begun_ == kMarks[1] || begun_ == kMarks[2]) {
    const std::string rest{std::istreambuf_iterator<char>(in_), {}};
    for (PlacedName& placed : names_of_lines(begun_ + rest, "standard input")) {
      decoded_.push_back(std::move(placed.name));
    }
    std::reverse(decoded_.begin(), decoded_.end());
    begun_.clear();
  }
}

bool PathStream::next(std::string& path) {
  if (!started_) look_for_mark();
  if (!decoded_.empty()) {
    path = std::move(decoded_.back());
    decoded_.pop_back();
    return true;
  }
  const char end = null_separated_ ? '\0' : '\n';
  for (;;) {
    path.clear();
    int c = take();
    for (; c != kEnd && c != end; c = take()) path += static_cast<char>(c);
    if (!null_separated_ && path.find('\0') != path.npos) {
      fail(ErrorKind::kUsage,
           "standard input holds a NUL byte; paths that end in NUL, as 'find -print0' writes "
           "them, are read with -0");
    }
    if (!null_separated_ && !path.empty() && path.back() == '\r') path.pop_back();
    if (!path.empty()) return true;
    if (c == kEnd) return false;
  }
}

/// The next byte: what was read to look for a mark first.
int PathStream::take() {
  if (begun_.empty()) return in_.get();
  const auto c = static_cast<unsigned char>(begun_.front());
  begun_.erase(0, 1);
  return c;
}

}  // namespace qprompt
