// The one source that knows the parser, CLI11: it takes words apart and lays out the help; which
// commands and options there are, and what their values mean, is the tree's (cli/command.h).
#include "cli/parse.h"

#include <CLI/CLI.hpp>
#include <cstdlib>
#include <map>

namespace qprompt::cli {
namespace {

constexpr int kMostValues = 1'000'000;
/// Put before an argument in brackets, which the parser would take apart at its commas.
constexpr char kWhole = '\x01';

/// An option beside what the parser has of it.
struct Pair {
  Option* option;
  CLI::Option* parsed;
};
/// A command beside the parser's, with its options.
struct Node {
  Command* command;
  CLI::App* app;
  std::string path;  ///< "data check"; "" for the program
  std::vector<Pair> pairs;
};
using Nodes = std::vector<Node>;

std::string parser_name(const Option& option) {
  if (option.positional()) return option.name;
  return (option.letter == 0 ? "" : std::string("-") + option.letter + ",") + "--" + option.name;
}

/// Values that are not on the command line, and where they are from; none where `values` is empty.
struct Outside {
  std::vector<std::string> values;
  std::string source;
};

/// One text where an option takes one: a list of numbers stands with commas between.
std::vector<std::string> as_option_takes(const Option& option,
                                         const std::vector<std::string>& values) {
  if (option.repeated()) return values;
  std::string text;
  for (const std::string& value : values) text += (text.empty() ? "" : ",") + value;
  return {text};
}

Outside from_outside(const Option& option, const std::string& path, const Settings& settings) {
  if (option.positional() || !option.from_outside) return {};
  const std::string variable = environment_name(option.name);
  if (const char* value = std::getenv(variable.c_str())) return {{value}, variable};
  const std::vector<std::string>* values = settings.values(path, option.name);
  if (values == nullptr) return {};
  return {as_option_takes(option, *values), settings.file()};
}

CLI::Option* add_to_parser(CLI::App& app, const Option& option) {
  const std::string name = parser_name(option);
  CLI::Option* parsed = nullptr;
  if (option.kind == Option::Kind::kFlag) {
    parsed = app.add_flag(name, option.help);
  } else {
    parsed = app.add_option(
        name, [](const CLI::results_t&) { return true; }, option.help);
    parsed->type_name("TEXT")->type_size(1);
    if (option.repeated()) parsed->expected(1, kMostValues);
    // With "extra" values a value in brackets would be a list; positionals need them, see kWhole.
    parsed->allow_extra_args(option.kind == Option::Kind::kArguments);
    if (!option.default_text.empty()) parsed->default_str(option.default_text);
  }
  parsed->required(option.required);
  if (option.hidden) parsed->group("");
  return parsed;
}

void build(Node node, const Settings& settings, Nodes& nodes) {
  Command& command = *node.command;
  CLI::App& app = *node.app;
  const std::string path = node.path;
  for (const auto& option : command.options()) {
    CLI::Option* parsed = add_to_parser(app, *option);
    // The help asks for what nothing else gives.
    if (!from_outside(*option, path, settings).values.empty()) parsed->required(false);
    node.pairs.push_back({option.get(), parsed});
  }
  nodes.push_back(std::move(node));
  if (!command.commands().empty()) app.require_subcommand(0, 1);
  for (const auto& below : command.commands()) {
    CLI::App* next = app.add_subcommand(below->name(), below->help());
    build({below.get(), next, path.empty() ? below->name() : path + " " + below->name(), {}},
          settings, nodes);
  }
}

/// The nodes of the commands that were named, the program's first.
std::vector<const Node*> chosen_path(const Nodes& nodes) {
  std::vector<const Node*> path;
  for (const Node& node : nodes) {
    if (path.empty() || node.app->parsed()) path.push_back(&node);
  }
  return path;
}

std::string path_text(const std::vector<const Node*>& path) {
  std::string text;
  for (const Node* node : path) text += (text.empty() ? "" : " ") + node->command->name();
  return text;
}

std::string unescaped(const std::string& text) {
  return !text.empty() && text[0] == kWhole ? text.substr(1) : text;
}

std::vector<std::string> option_names(const std::vector<const Node*>& path) {
  std::vector<std::string> names{"--help"};
  for (const Node* node : path) {
    for (const auto& [option, parsed] : node->pairs) {
      if (!option->positional() && !option->hidden) names.push_back("--" + option->name);
    }
  }
  return names;
}

std::vector<std::string> command_names(const Command& command) {
  std::vector<std::string> names;
  for (const auto& below : command.commands()) names.push_back(below->name());
  return names;
}

std::string joined(const std::vector<std::string>& words) {
  std::string text;
  for (const std::string& word : words) text += (text.empty() ? "" : ", ") + word;
  return text;
}

/// Says what is wrong with a word that nothing is known of.
[[noreturn]] void refuse_word(const std::string& word, const std::vector<const Node*>& path) {
  const Command& command = *path.back()->command;
  const bool option = word.size() > 1 && word[0] == '-';
  const auto known = option ? option_names(path) : command_names(command);
  const std::string near = nearest(word.substr(0, word.find('=')), known);
  const std::string hint = near.empty() ? "" : "; did you mean '" + near + "'?";
  const std::string where = path_text(path);
  if (option) {
    fail(ErrorKind::kUsage, "'", where, "' has no option '", word, "'", hint,
         hint.empty() ? cat("; '", where, " --help' lists them") : "");
  }
  if (!command.commands().empty()) {
    fail(ErrorKind::kUsage, "'", where, "' has no command '", word, "'", hint,
         hint.empty() ? "; it has: " + joined(known) : "");
  }
  fail(ErrorKind::kUsage, "'", where, "' does not expect '", word, "'; see '", where, " --help'");
}

void set_options(const std::vector<const Node*>& path, const Settings& settings) {
  for (const Node* node : path) {
    for (const auto& [option, parsed] : node->pairs) {
      std::vector<std::string> values;
      if (parsed->count() > 0) {
        for (const std::string& value : parsed->results()) values.push_back(unescaped(value));
        option->source = "command line";
      } else {
        Outside outside = from_outside(*option, path.back()->path, settings);
        values = std::move(outside.values);
        option->source = outside.source;
      }
      if (values.empty()) continue;
      try {
        option->set(values);
      } catch (const Error& e) {
        if (option->source == "command line") throw;
        fail(e.kind(), e.what(), " (from ", option->source, ")");
      }
    }
  }
}

/// `help train` as `train --help`, and brackets kept whole.
std::vector<std::string> prepared(std::vector<std::string> words) {
  if (!words.empty() && words[0] == "help") {
    words.erase(words.begin());
    words.push_back("--help");
  }
  for (std::string& word : words) {
    if (word.size() > 1 && word.front() == '[' && word.back() == ']') word = kWhole + word;
  }
  std::reverse(words.begin(), words.end());  // as the parser takes them
  return words;
}

}  // namespace

std::string environment_name(const std::string& option) {
  std::string name = "QPROMPT_";
  for (char c : option) {
    name += c == '-' ? '_' : c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
  }
  return name;
}

Command& parse(Command& program, const std::vector<std::string>& arguments,
               const Settings& settings, std::string& help_text) {
  CLI::App app{program.help(), program.name()};
  app.fallthrough();
  Nodes nodes;
  build({&program, &app, "", {}}, settings, nodes);
  const auto refuse_unknown = [&] {
    const std::vector<std::string> unknown = app.remaining(true);
    if (!unknown.empty()) refuse_word(unescaped(unknown.front()), chosen_path(nodes));
  };
  try {
    app.parse(prepared(arguments));
  } catch (const CLI::CallForHelp&) {
    refuse_unknown();  // of 'help trian'
    help_text = app.help();
    return program;
  } catch (const CLI::ParseError& e) {
    refuse_unknown();
    fail(ErrorKind::kUsage, e.what(), "; see '", path_text(chosen_path(nodes)), " --help'");
  }
  const std::vector<const Node*> path = chosen_path(nodes);
  set_options(path, settings);
  return *path.back()->command;
}

}  // namespace qprompt::cli
