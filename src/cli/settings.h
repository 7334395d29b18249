// qprompt.toml: values of options for a folder's commands.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "cli/command.h"

namespace qprompt::cli {

/// What a settings file says. A key before the first table is meant for every command that has the
/// option; one in `[train]` or `[data.check]` for that command, and goes first.
class Settings {
 public:
  /// Nothing.
  Settings() = default;
  /// Reads a file. Throws kPath, or kContent with file and line.
  explicit Settings(const std::string& path);
  /// The file that holds for `arguments`: --config FILE (none: no file), QPROMPT_CONFIG, or
  /// qprompt.toml in this folder; nothing where there is none.
  static Settings find(const std::vector<std::string>& arguments);

  /// The values of an option of the command that `path` leads to ("train", "data check"); null
  /// where there are none.
  const std::vector<std::string>* values(const std::string& path, const std::string& option) const;
  /// Throws kUsage, with the nearest known word, on a table that is no command and a key that is no
  /// option of it, or that may only be given on the command line.
  void check(const Command& program) const;
  const std::string& file() const { return file_; }

 private:
  std::string file_;
  /// Path of a command ("": all) → option → values.
  std::map<std::string, std::map<std::string, std::vector<std::string>>> tables_;
};

}  // namespace qprompt::cli
