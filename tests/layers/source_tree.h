// Reading of the source tree, for the tests of its own rules.
#pragma once

#include <filesystem>
#include <fstream>
#include <regex>
#include <string>
#include <vector>

namespace qprompt::layers {

struct SourceFile {
  std::string path;  ///< relative to the root, with slashes
  std::vector<std::string> lines;
};

/// Every .h and .cpp below the folders, in path order.
inline std::vector<SourceFile> read_sources(const std::vector<std::string>& folders) {
  namespace fs = std::filesystem;
  const fs::path root = QPROMPT_SOURCE_DIR;
  std::vector<SourceFile> files;
  for (const std::string& folder : folders) {
    if (!fs::exists(root / folder)) continue;
    for (const auto& entry : fs::recursive_directory_iterator(root / folder)) {
      const std::string extension = entry.path().extension().string();
      if (extension != ".h" && extension != ".cpp") continue;
      SourceFile file{fs::relative(entry.path(), root).generic_string(), {}};
      std::ifstream in(entry.path());
      for (std::string line; std::getline(in, line);) file.lines.push_back(line);
      files.push_back(std::move(file));
    }
  }
  std::sort(files.begin(), files.end(),
            [](const SourceFile& a, const SourceFile& b) { return a.path < b.path; });
  return files;
}

/// The names between quotes or angle brackets of the file's includes.
inline std::vector<std::string> includes_of(const SourceFile& file) {
  static const std::regex kInclude(R"(^\s*#\s*include\s*[<"]([^>"]+)[>"])");
  std::vector<std::string> names;
  for (const std::string& line : file.lines) {
    std::smatch match;
    if (std::regex_search(line, match, kInclude)) names.push_back(match[1]);
  }
  return names;
}

/// A function body found by its indentation, which clang-format guarantees.
struct Function {
  std::string head;
  int line = 0, length = 0, parameters = 0;
};

inline int count_parameters(const std::string& head) {
  const size_t open = head.find('(');
  if (open == std::string::npos) return 0;
  int depth = 0, commas = 0;
  bool any = false;
  for (size_t i = open; i < head.size(); ++i) {
    const char c = head[i];
    if (c == '(' || c == '<' || c == '{' || c == '[') ++depth;
    if (c == ')' || c == '>' || c == '}' || c == ']') --depth;
    if (depth == 0) break;
    if (depth == 1 && c == ',') ++commas;
    if (i > open && c != ' ' && c != ')') any = true;
  }
  return any ? commas + 1 : 0;
}

inline std::vector<Function> functions_of(const SourceFile& file) {
  static const std::regex kNoFunction(
      R"(^\s*(namespace|struct|class|enum|union|extern|if|for|while|switch|else|do|try|case|return|public|private|\}|//|#))");
  std::vector<Function> found;
  const auto& lines = file.lines;
  for (size_t i = 0; i < lines.size(); ++i) {
    if (lines[i].empty() || lines[i].back() != '{') continue;
    const size_t closed = lines[i].find_first_not_of(' ');
    // Walk back over a head that was wrapped: its later lines are indented further.
    size_t first = i;
    std::string head = lines[i];
    while (first > 0 && lines[first].find_first_not_of(' ') != std::string::npos &&
           head.find('(') == std::string::npos) {
      head = lines[--first] + head;
    }
    while (first > 0 &&
           std::count(head.begin(), head.end(), '(') < std::count(head.begin(), head.end(), ')')) {
      head = lines[--first] + head;
    }
    const size_t indent = lines[first].find_first_not_of(' ');
    (void)closed;
    if (indent > 2 || head.find('(') == std::string::npos ||
        head.find(") [") != std::string::npos || head.find("[&") != std::string::npos ||
        head.find("[=") != std::string::npos || std::regex_search(head, kNoFunction)) {
      continue;
    }
    const std::string end = std::string(indent, ' ') + "}";
    size_t last = i + 1;
    while (last < lines.size() && lines[last] != end && lines[last] != end + ";") ++last;
    found.push_back({head, static_cast<int>(first + 1), static_cast<int>(last - first + 1),
                     count_parameters(head)});
  }
  return found;
}

}  // namespace qprompt::layers
