#include "dataset/impl/annotations.h"

#include <charconv>
#include <sstream>

#include "dataset/impl/readers.h"

namespace qprompt::dataset {
namespace {

constexpr int64_t kMaxBytes = int64_t{64} << 20;
constexpr const char* kSpace = " \t\r\v\f";

}  // namespace

LineFile::LineFile(std::string path) : path_(std::move(path)), text_(read_file(path_, kMaxBytes)) {}

bool LineFile::next() {
  while (from_ < text_.size()) {
    const size_t end = std::min(text_.find('\n', from_), text_.size());
    line_ = text_.substr(from_, end - from_);
    from_ = end + 1;
    ++number_;
    const size_t first = line_.find_first_not_of(kSpace);
    if (first == std::string::npos) continue;
    line_ = line_.substr(first, line_.find_last_not_of(kSpace) - first + 1);
    if (line_.find('\0') != std::string::npos) refuse("it holds a zero byte; this is no text file");
    return true;
  }
  return false;
}

std::vector<std::string> LineFile::words(size_t least, const char* expected) const {
  std::vector<std::string> words;
  std::istringstream in(line_);
  for (std::string word; in >> word;) words.push_back(word);
  if (words.size() < least) refuse(expected, " was expected, got '", line_.substr(0, 200), "'");
  return words;
}

int64_t LineFile::number(const std::string& word) const {
  int64_t value = 0;
  const auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), value);
  if (error != std::errc() || end != word.data() + word.size() || value < 1 || value > kMaxItems) {
    refuse("a number from 1 up was expected, got '", word.substr(0, 80), "'");
  }
  return value;
}

const std::string& LineFile::checked_path(const std::string& path) const {
  const std::string fault = path_fault(path);
  if (!fault.empty()) refuse(fault);
  return path;
}

std::string join_words(const std::vector<std::string>& words, size_t first) {
  std::string out;
  for (size_t i = first; i < words.size(); ++i) out += (i > first ? " " : "") + words[i];
  return out;
}

void name_label(NamesByLabel& names, int64_t label, const std::string& name, const LineFile& file) {
  const auto [known, is_new] = names.emplace(label, name);
  if (!is_new && known->second != name) {
    file.refuse("class ", label + 1, " is named '", name, "', but '", known->second, "' before");
  }
}

std::vector<std::string> names_in_order(const NamesByLabel& names, const std::string& file) {
  std::vector<std::string> out;
  for (const auto& [label, name] : names) {
    if (label != static_cast<int64_t>(out.size())) {
      fail(ErrorKind::kContent, "'", file, "': classes must be numbered from 1 without gaps; of ",
           names.size(), " classes none has the number ", out.size() + 1);
    }
    out.push_back(name);
  }
  if (out.empty()) fail(ErrorKind::kContent, "'", file, "' names no class");
  return out;
}

}  // namespace qprompt::dataset
