// Typed reading of a model's JSON configuration, with errors that name file and key.
#pragma once

#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "qprompt/image.h"

namespace qprompt::checkpoint {

/// One JSON object of a configuration file; keys that are absent or null give the default.
class JsonFields {
 public:
  /// Reads and parses a file whose root is an object. Throws kPath or kContent.
  static JsonFields read(const std::string& path);

  /// The object under `key`; an empty one when absent.
  JsonFields object(const std::string& key) const;
  bool has(const std::string& key) const;
  int64_t integer(const std::string& key, int64_t fallback) const;
  double number(const std::string& key, double fallback) const;
  std::string text(const std::string& key, const std::string& fallback) const;
  bool flag(const std::string& key, bool fallback) const;
  /// An integer, a list of two equal ones, or {"height", "width"} or {"shortest_edge"}.
  int64_t side(const std::string& key, int64_t fallback) const;
  /// Whether `key` is {"height", "width"}.
  bool is_height_and_width(const std::string& key) const;
  /// An object of texts, by name; empty when absent.
  std::map<std::string, std::string> texts(const std::string& key) const;
  std::vector<std::string> keys() const;
  /// Three numbers, one a colour channel.
  std::array<double, 3> channels(const std::string& key, std::array<double, 3> fallback) const;
  /// Throws kContent when `key` is there with another value than null, false or `allowed`.
  void refuse(const std::string& key, const std::string& allowed = "") const;
  const nlohmann::json& value(const std::string& key) const { return json_.at(key); }
  [[noreturn]] void wrong(const std::string& key, const std::string& expected) const;

 private:
  JsonFields(nlohmann::json json, std::string where)
      : json_(std::move(json)), where_(std::move(where)) {}
  int64_t as_integer(const nlohmann::json& value, const std::string& key) const;

  nlohmann::json json_;
  std::string where_;
};

}  // namespace qprompt::checkpoint
