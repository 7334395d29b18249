#include "experiment/published.h"

#include "experiment/impl/toml_reader.h"

namespace qprompt {
namespace {

std::vector<double> numbers(const toml::array& list, const TomlTable& table, int64_t line) {
  std::vector<double> out;
  for (const toml::node& node : list) {
    const auto value = node.value<double>();
    if (!value) table.refuse(line, "a published value must be a number in percent");
    out.push_back(*value);
  }
  return out;
}

PublishedMethod method_of(const toml::table& table, const TomlTable& where) {
  PublishedMethod method;
  for (const auto& [name, node] : table) {
    const std::string key(name.str());
    const auto line = static_cast<int64_t>(node.source().begin.line);
    if (key == "bytes") {
      const auto bytes = node.value<double>();
      if (!bytes || *bytes < 0) where.refuse(line, "'bytes' must be a number from 0");
      method.bytes = *bytes;
    } else if (node.as_array() != nullptr) {
      method.values[key] = numbers(*node.as_array(), where, line);
    } else if (const auto value = node.value<double>()) {
      method.values[key] = {*value};
    } else {
      where.refuse(line, "'" + key + "' must be a number, or a list of them");
    }
  }
  return method;
}

}  // namespace

Published parse_published(const std::string& text, const std::string& file) {
  Published out;
  if (text.empty()) return out;
  const toml::table parsed = parse_toml(text, file);
  TomlTable root(parsed, file, "");
  out.source = root.text("source", "");
  out.average_over = root.integer("average-over", 0);
  const toml::node* methods = parsed.get("method");
  root.tables("method");  // checks the form
  root.refuse_unknown();
  if (methods == nullptr) return out;
  for (const auto& [name, node] : *methods->as_table()) {
    out.methods[std::string(name.str())] = method_of(*node.as_table(), root);
  }
  return out;
}

}  // namespace qprompt
