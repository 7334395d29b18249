// The program's commands as data: what each is called, what it takes, what it does. The command
// line, its help, the environment, qprompt.toml, completions and manual pages are all made of this
// one tree. Nothing here needs a parser's header.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "qprompt/base.h"

namespace qprompt::cli {

/// One option (`--name`), flag or positional argument of a command.
struct Option {
  enum class Kind { kValue, kValues, kFlag, kArgument, kArguments };
  Kind kind = Kind::kValue;
  std::string name;  ///< without dashes
  char letter = 0;   ///< `-0` for `--null`; 0: none
  std::string help;
  std::string default_text;                                  ///< shown in the help; empty: none
  std::function<void(const std::vector<std::string>&)> set;  ///< throws Error(kUsage)
  std::vector<std::string> choices;                          ///< for completion; empty: any text
  bool required = false, hidden = false;
  bool from_outside = true;  ///< may come from the environment and qprompt.toml
  std::string source;        ///< after parsing: empty (the default), "command line", …

  bool positional() const { return kind == Kind::kArgument || kind == Kind::kArguments; }
  bool repeated() const { return kind == Kind::kValues || kind == Kind::kArguments; }
  bool given() const { return !source.empty(); }
  Option& require(bool yes = true);
  Option& hide();
  Option& describe(std::string text);
  /// For what only the user in person may say, as which program is run.
  Option& only_on_command_line();
  Option& short_name(char c);
};

/// A command, or the program itself. Options and commands keep their addresses.
class Command {
 public:
  Command(std::string name, std::string help) : name_(std::move(name)), help_(std::move(help)) {}
  Command(const Command&) = delete;
  Command& operator=(const Command&) = delete;

  /// A command below this one.
  Command& add_command(const std::string& name, const std::string& help);
  /// `--name VALUE`, with its default, help and parsing from the field.
  Option& add(const Field& field);
  void add(const Fields& fields);
  Option& add_text(const std::string& name, const std::string& help, std::string& target);
  Option& add_text(const std::string& name, const std::string& help,
                   std::optional<std::string>& target);
  Option& add_text(const std::string& name, const std::string& help,
                   std::vector<std::string>& target);
  Option& add_number(const std::string& name, const std::string& help, int64_t& target,
                     Bounds bounds);
  Option& add_flag(const std::string& name, const std::string& help, bool& target);
  /// Positional: one, or any number of them.
  Option& add_argument(const std::string& name, const std::string& help, std::string& target);
  Option& add_argument(const std::string& name, const std::string& help,
                       std::vector<std::string>& target);
  /// What the command does once its options are set.
  void on_run(std::function<void()> action) { run_ = std::move(action); }

  /// The option of that name; throws kInternal when there is none.
  Option& find(const std::string& name);
  const std::string& name() const { return name_; }
  const std::string& help() const { return help_; }
  const std::vector<std::unique_ptr<Option>>& options() const { return options_; }
  const std::vector<std::unique_ptr<Command>>& commands() const { return commands_; }
  const std::function<void()>& run() const { return run_; }

 private:
  Option& add_option(Option option);

  std::string name_, help_;
  std::vector<std::unique_ptr<Option>> options_;
  std::vector<std::unique_ptr<Command>> commands_;
  std::function<void()> run_;
};

/// The nearest of `known` to what was typed, by letters changed, left out, added or swapped; empty
/// where none is near.
std::string nearest(const std::string& typed, const std::vector<std::string>& known);

}  // namespace qprompt::cli
