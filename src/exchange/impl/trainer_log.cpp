#include "exchange/trainer_log.h"

#include <algorithm>
#include <charconv>
#include <filesystem>
#include <sstream>
#include <string_view>
#include <vector>

#include "qprompt/base.h"

namespace qprompt {
namespace {

constexpr int64_t kMaxLog = int64_t{64} << 20;

std::string_view trimmed(std::string_view text) {
  constexpr std::string_view kSpace = " \t\r";
  const size_t begin = text.find_first_not_of(kSpace);
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(kSpace) - begin + 1);
}

/// YAML's plain, 'single' or "double" quoted scalar; escapes do not occur in what is read here.
std::string_view unquoted(std::string_view text) {
  const bool quoted = text.size() >= 2 && (text.front() == '\'' || text.front() == '"') &&
                      text.front() == text.back();
  return quoted ? text.substr(1, text.size() - 2) : text;
}

/// The configuration as yacs prints it: upper-case keys, two spaces a level.
class ConfigReader {
 public:
  explicit ConfigReader(std::map<std::string, std::string>& config) : config_(config) {}

  void read(std::string_view line) {
    const size_t indent = line.find_first_not_of(' '), colon = line.find(':');
    if (indent == std::string_view::npos || colon == std::string_view::npos || colon <= indent) {
      return;
    }
    const std::string_view key = line.substr(indent, colon - indent);
    const bool is_key = std::all_of(key.begin(), key.end(), [](char c) {
      return (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
    });
    if (!is_key) return;
    while (!levels_.empty() && levels_.back().indent >= indent) levels_.pop_back();
    std::string name = levels_.empty() ? "" : levels_.back().name + ".";
    name += key;
    const std::string_view value = trimmed(line.substr(colon + 1));
    if (value.empty()) {
      levels_.push_back({indent, name});
    } else {
      config_[name] = unquoted(value);
    }
  }

 private:
  struct Level {
    size_t indent;
    std::string name;
  };
  std::vector<Level> levels_;
  std::map<std::string, std::string>& config_;
};

/// What stands behind `label` in the line.
std::optional<std::string_view> behind(std::string_view line, std::string_view label) {
  const size_t at = line.find(label);
  if (at == std::string_view::npos) return std::nullopt;
  return trimmed(line.substr(at + label.size()));
}

void read_context(std::string_view line, TrainerLog& log) {
  for (const std::string_view label : {"Initial context:", "Initial text context:"}) {
    if (const auto text = behind(line, label)) log.context = unquoted(*text);
  }
  // The image tower's rows are counted by a line of their own, "… for Vision prompting: 4".
  for (const std::string_view label :
       {"context words (tokens):", "context words (tokens) for Language prompting:"}) {
    if (const auto text = behind(line, label)) {
      int64_t count = 0;
      const auto end = text->data() + text->size();
      if (std::from_chars(text->data(), end, count).ec == std::errc()) log.n_ctx = count;
    }
  }
}

}  // namespace

std::optional<std::string> TrainerLog::get(const std::string& key) const {
  const auto found = config.find(key);
  if (found == config.end() || found->second.empty()) return std::nullopt;
  return found->second;
}

std::string find_trainer_log(const std::string& checkpoint) {
  namespace fs = std::filesystem;
  std::error_code ignored;
  const fs::path folder = fs::absolute(checkpoint, ignored).parent_path();
  for (const fs::path& at : {folder.parent_path() / "log.txt", folder / "log.txt"}) {
    if (fs::is_regular_file(at, ignored)) return at.string();
  }
  return "";
}

TrainerLog read_trainer_log(const std::string& path) {
  TrainerLog log;
  log.path = path;
  const std::string text = read_file(path, kMaxLog);
  ConfigReader config(log.config);
  std::istringstream lines(text);
  bool in_config = false;
  for (std::string line; std::getline(lines, line);) {
    if (line.find("** Config **") != std::string::npos) in_config = true;
    if (line.find("Collecting env info") != std::string::npos) in_config = false;
    if (in_config) config.read(line);
    read_context(line, log);
  }
  if (log.config.empty() && !log.context) {
    fail(ErrorKind::kContent, "'", path,
         "' is no log of a prompt's training: it has neither '** Config **' nor 'Initial context'; "
         "name the right one with --log, or give --log none");
  }
  return log;
}

}  // namespace qprompt
