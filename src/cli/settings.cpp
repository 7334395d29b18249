// The one source of the program that knows the TOML parser.
#include "cli/settings.h"

#include <charconv>
#include <cstdlib>
#include <filesystem>

#include "base/text.h"
#include "base/tomlpp.h"

namespace qprompt::cli {
namespace {

using Values = std::vector<std::string>;
using Table = std::map<std::string, Values>;

constexpr int64_t kMaxSettings = 1 << 20;

[[noreturn]] void refuse(const std::string& file, const toml::node& node, const std::string& what) {
  fail(ErrorKind::kContent, file, ":", node.source().begin.line, ": ", what);
}

template <class Number>
std::string number_text(Number value) {
  char text[32];
  return {text, std::to_chars(text, text + sizeof text, value).ptr};
}

std::string scalar_of(const toml::node& node, const std::string& file, const std::string& key) {
  if (const auto text = node.value_exact<std::string>()) return *text;
  if (const auto number = node.value_exact<int64_t>()) return number_text(*number);
  if (const auto truth = node.value_exact<bool>()) return *truth ? "true" : "false";
  if (const auto real = node.value_exact<double>()) return number_text(*real);
  refuse(file, node, "'" + key + "' is no text, number, truth value or list of them");
}

Values values_of(const toml::node& node, const std::string& file, const std::string& key) {
  const toml::array* list = node.as_array();
  if (list == nullptr) return {scalar_of(node, file, key)};
  Values values;
  for (const toml::node& one : *list) values.push_back(scalar_of(one, file, key));
  if (values.empty()) refuse(file, node, "'" + key + "' is an empty list");
  return values;
}

void read_table(const toml::table& table, const std::string& path, const std::string& file,
                std::map<std::string, Table>& tables) {
  for (const auto& [key, node] : table) {
    const std::string name(key.str());
    if (const toml::table* below = node.as_table()) {
      read_table(*below, path.empty() ? name : path + " " + name, file, tables);
    } else {
      tables[path][name] = values_of(node, file, name);
    }
  }
}

const Option* find_option(const Command& command, const std::string& name) {
  for (const auto& option : command.options()) {
    if (option->name == name && !option->positional() && !option->hidden) return option.get();
  }
  return nullptr;
}

/// The options of a command and of those below it, by name.
void collect_options(const Command& command, std::map<std::string, const Option*>& found) {
  for (const auto& option : command.options()) {
    if (find_option(command, option->name) != nullptr) found[option->name] = option.get();
  }
  for (const auto& below : command.commands()) collect_options(*below, found);
}

std::string hint(const std::string& word, const std::vector<std::string>& known) {
  const std::string near = nearest(word, known);
  return near.empty() ? "" : "; did you mean '" + near + "'?";
}

/// The command that `path` leads to from the program.
const Command& walk(const Command& program, const std::string& path, const std::string& file) {
  const Command* command = &program;
  for (size_t begin = 0; begin < path.size();) {
    const size_t end = std::min(path.find(' ', begin), path.size());
    const std::string word = path.substr(begin, end - begin);
    begin = end + 1;
    const Command* found = nullptr;
    std::vector<std::string> known;
    for (const auto& below : command->commands()) {
      known.push_back(below->name());
      if (below->name() == word) found = below.get();
    }
    if (found == nullptr) {
      fail(ErrorKind::kUsage, file, ": there is no command '", word, "'", hint(word, known));
    }
    command = found;
  }
  return *command;
}

}  // namespace

Settings::Settings(const std::string& path) : file_(path) {
  const std::string text = read_file(path, kMaxSettings);
  check_toml_depth(text, path);
  try {
    read_table(toml::parse(text, path), "", path, tables_);
  } catch (const toml::parse_error& e) {
    fail(ErrorKind::kContent, path, ":", e.source().begin.line, ":", e.source().begin.column, ": ",
         std::string(e.description()));
  }
}

Settings Settings::find(const std::vector<std::string>& arguments) {
  std::string path;
  if (const char* named = std::getenv("QPROMPT_CONFIG"); named != nullptr) path = named;
  for (size_t i = 0; i < arguments.size() && arguments[i] != "--"; ++i) {
    if (arguments[i] == "--config" && i + 1 < arguments.size()) path = arguments[i + 1];
    if (arguments[i].rfind("--config=", 0) == 0) path = arguments[i].substr(9);
  }
  if (path == "none") return {};
  std::error_code error;
  if (path.empty() && std::filesystem::exists("qprompt.toml", error)) path = "qprompt.toml";
  return path.empty() ? Settings() : Settings(path);
}

const Values* Settings::values(const std::string& path, const std::string& option) const {
  const auto above = [](const std::string& table) {
    const size_t space = table.rfind(' ');
    return space == table.npos ? std::string() : table.substr(0, space);
  };
  for (std::string table = path;; table = above(table)) {
    if (const auto found = tables_.find(table); found != tables_.end()) {
      if (const auto key = found->second.find(option); key != found->second.end()) {
        return &key->second;
      }
    }
    if (table.empty()) return nullptr;
  }
}

void Settings::check(const Command& program) const {
  for (const auto& [path, table] : tables_) {
    std::map<std::string, const Option*> known;
    collect_options(walk(program, path, file_), known);
    for (const auto& option : program.options()) known.emplace(option->name, option.get());
    std::vector<std::string> names;
    for (const auto& [name, option] : known) names.push_back(name);
    for (const auto& [name, values] : table) {
      const auto found = known.find(name);
      if (found == known.end()) {
        fail(ErrorKind::kUsage, file_, ": ", path.empty() ? "no command" : "'" + path + "'",
             path.empty() ? " has" : " does not have", " the option '", name, "'",
             hint(name, names));
      }
      if (!found->second->from_outside) {
        fail(ErrorKind::kUsage, file_, ": '", name, "' may only be given on the command line");
      }
    }
  }
}

}  // namespace qprompt::cli
