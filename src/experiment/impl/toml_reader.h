// TOML tables with the file and line in every complaint. Private to the room.
#pragma once

#include <set>
#include <string>
#include <vector>

#include "base/tomlpp.h"
#include "experiment/recipe.h"
#include "qprompt/base.h"

namespace qprompt {

/// Parses a text; throws kContent with file, line and column.
toml::table parse_toml(const std::string& text, const std::string& file);

/// One table of a file. Every key that is asked for counts as known.
class TomlTable {
 public:
  TomlTable(const toml::table& table, std::string file, std::string name)
      : table_(table), file_(std::move(file)), name_(std::move(name)) {}

  std::string text(const std::string& key, const std::string& otherwise);
  int64_t integer(const std::string& key, int64_t otherwise);
  bool flag(const std::string& key, bool otherwise);
  std::vector<std::string> texts(const std::string& key);  ///< empty when absent
  std::vector<int64_t> integers(const std::string& key);
  /// Integers, and the text "all" as 0.
  std::vector<int64_t> shots(const std::string& key);
  /// The tables below `key`, by name.
  std::vector<std::pair<std::string, TomlTable>> tables(const std::string& key);
  /// Every key that was not asked for, as option values; and the keys of the table `key`.
  OptionTable options() const;
  OptionTable table_options(const std::string& key);
  /// Throws naming the line of a key that nobody asked for.
  void refuse_unknown() const;

  [[noreturn]] void refuse(int64_t line, const std::string& what) const;
  int64_t line_of(const std::string& key) const;
  const std::string& file() const { return file_; }

 private:
  const toml::node* find(const std::string& key);
  const toml::array* array(const std::string& key);
  const toml::table& table_;
  std::string file_, name_;
  std::set<std::string> known_;
};

}  // namespace qprompt
