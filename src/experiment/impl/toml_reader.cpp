#include "experiment/impl/toml_reader.h"

#include <charconv>

#include "base/text.h"

namespace qprompt {
namespace {

int64_t line_of_node(const toml::node& node) {
  return static_cast<int64_t>(node.source().begin.line);
}

/// A scalar as the text that a field parses; false for anything else.
bool scalar_text(const toml::node& node, std::string& out) {
  if (const auto text = node.value_exact<std::string>()) {
    out = *text;
  } else if (const auto whole = node.value_exact<int64_t>()) {
    out = std::to_string(*whole);
  } else if (const auto real = node.value_exact<double>()) {
    char digits[32];
    out.assign(digits, std::to_chars(digits, digits + sizeof digits, *real).ptr);
  } else if (const auto truth = node.value_exact<bool>()) {
    out = *truth ? "true" : "false";
  } else {
    return false;
  }
  return true;
}

}  // namespace

toml::table parse_toml(const std::string& text, const std::string& file) {
  check_toml_depth(text, file);
  try {
    return toml::parse(text, file);
  } catch (const toml::parse_error& e) {
    fail(ErrorKind::kContent, file, ":", e.source().begin.line, ":", e.source().begin.column, ": ",
         e.description());
  }
}

void TomlTable::refuse(int64_t line, const std::string& what) const {
  fail(ErrorKind::kContent, file_, ":", line, ": ", what);
}

int64_t TomlTable::line_of(const std::string& key) const {
  const toml::node* node = table_.get(key);
  return line_of_node(node == nullptr ? static_cast<const toml::node&>(table_) : *node);
}

const toml::node* TomlTable::find(const std::string& key) {
  known_.insert(key);
  return table_.get(key);
}

std::string TomlTable::text(const std::string& key, const std::string& otherwise) {
  const toml::node* node = find(key);
  if (node == nullptr) return otherwise;
  const auto value = node->value_exact<std::string>();
  if (!value) refuse(line_of_node(*node), "'" + key + "' must be a text in quotes");
  return *value;
}

int64_t TomlTable::integer(const std::string& key, int64_t otherwise) {
  const toml::node* node = find(key);
  if (node == nullptr) return otherwise;
  const auto value = node->value_exact<int64_t>();
  if (!value) refuse(line_of_node(*node), "'" + key + "' must be a whole number");
  return *value;
}

bool TomlTable::flag(const std::string& key, bool otherwise) {
  const toml::node* node = find(key);
  if (node == nullptr) return otherwise;
  const auto value = node->value_exact<bool>();
  if (!value) refuse(line_of_node(*node), "'" + key + "' must be true or false");
  return *value;
}

const toml::array* TomlTable::array(const std::string& key) {
  const toml::node* node = find(key);
  if (node == nullptr) return nullptr;
  if (node->as_array() == nullptr) refuse(line_of_node(*node), "'" + key + "' must be a list: [ ]");
  return node->as_array();
}

std::vector<std::string> TomlTable::texts(const std::string& key) {
  std::vector<std::string> out;
  const toml::array* list = array(key);
  for (size_t i = 0; list != nullptr && i < list->size(); ++i) {
    const auto value = (*list)[i].value_exact<std::string>();
    if (!value) refuse(line_of_node((*list)[i]), "'" + key + "' must hold texts in quotes");
    out.push_back(*value);
  }
  return out;
}

std::vector<int64_t> TomlTable::integers(const std::string& key) {
  std::vector<int64_t> out;
  const toml::array* list = array(key);
  for (size_t i = 0; list != nullptr && i < list->size(); ++i) {
    const auto value = (*list)[i].value_exact<int64_t>();
    if (!value) refuse(line_of_node((*list)[i]), "'" + key + "' must hold whole numbers");
    out.push_back(*value);
  }
  return out;
}

std::vector<int64_t> TomlTable::shots(const std::string& key) {
  std::vector<int64_t> out;
  const toml::array* list = array(key);
  for (size_t i = 0; list != nullptr && i < list->size(); ++i) {
    const toml::node& node = (*list)[i];
    const auto number = node.value_exact<int64_t>();
    const bool all = node.value_exact<std::string>() == "all";
    if (!all && (!number || *number < 1 || *number > 1'000'000)) {
      refuse(line_of_node(node), "'" + key + "' must hold numbers of images from 1, or \"all\"");
    }
    out.push_back(all ? 0 : *number);
  }
  return out;
}

std::vector<std::pair<std::string, TomlTable>> TomlTable::tables(const std::string& key) {
  std::vector<std::pair<std::string, TomlTable>> out;
  const toml::node* node = find(key);
  if (node == nullptr) return out;
  if (node->as_table() == nullptr) {
    refuse(line_of_node(*node), "'" + key + "' must be tables: [" + key + ".NAME]");
  }
  for (const auto& [name, value] : *node->as_table()) {
    const std::string below(name.str());
    if (value.as_table() == nullptr) {
      refuse(line_of_node(value), "[" + key + "] holds tables only: [" + key + ".NAME]");
    }
    out.emplace_back(below, TomlTable(*value.as_table(), file_, key + "." + below));
  }
  return out;
}

OptionTable TomlTable::options() const {
  OptionTable out;
  for (const auto& [name, value] : table_) {
    const std::string key(name.str());
    if (known_.count(key) == 1) continue;
    std::string text;
    if (!scalar_text(value, text)) {
      refuse(line_of_node(value), "'" + key + "' must be a number, a text, or true or false");
    }
    out.push_back({key, text, line_of_node(value)});
  }
  return out;
}

OptionTable TomlTable::table_options(const std::string& key) {
  const toml::node* node = find(key);
  if (node == nullptr) return {};
  if (node->as_table() == nullptr) refuse(line_of_node(*node), "'" + key + "' must be a table");
  return TomlTable(*node->as_table(), file_, key).options();
}

void TomlTable::refuse_unknown() const {
  for (const auto& [name, value] : table_) {
    const std::string key(name.str());
    if (known_.count(key) == 1) continue;
    std::string known;
    for (const std::string& one : known_) known += (known.empty() ? "" : ", ") + one;
    refuse(line_of_node(value), "unknown key '" + key + "'" +
                                    (name_.empty() ? "" : " in [" + name_ + "]") +
                                    "; known here: " + known);
  }
}

}  // namespace qprompt
