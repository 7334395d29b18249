// JSON text for programs: the one place that writes it. Readers use a parser of their own.
#pragma once

#include <concepts>
#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace qprompt {

/// A value to be written as JSON. A scalar keeps its text; members keep the order they came in.
class JsonValue {
 public:
  using Member = std::pair<std::string, JsonValue>;

  JsonValue() = default;  ///< null
  JsonValue(std::nullptr_t) {}
  template <std::integral Number>
  JsonValue(Number value) : text_(std::to_string(value)) {}
  JsonValue(bool value) : text_(value ? "true" : "false") {}
  /// The shortest text that reads back as this double; null where it is not finite.
  JsonValue(double value);
  JsonValue(std::string_view text);
  JsonValue(const std::string& text) : JsonValue(std::string_view(text)) {}
  JsonValue(const char* text) : JsonValue(std::string_view(text)) {}
  /// An object: {{"name", value}, …}.
  JsonValue(std::initializer_list<Member> members);
  template <class Value>
  JsonValue(const std::vector<Value>& values) : kind_(Kind::kArray) {
    for (const Value& value : values) items_.emplace_back(value);
  }
  static JsonValue array();
  static JsonValue object();
  /// What is JSON already, as a record kept it. The caller answers for its being JSON.
  static JsonValue verbatim(std::string json);

  /// The member of this name, made when absent; a null becomes an object. Throws kInternal on a
  /// scalar or an array.
  JsonValue& operator[](const std::string& name);
  /// Appends; a null becomes an array. Throws kInternal on a scalar or an object.
  void push_back(JsonValue value);
  bool empty() const { return items_.empty(); }

  /// In one line, or with `indent` spaces a level. Bytes that are not UTF-8 become U+FFFD.
  std::string text(int indent = -1) const;

 private:
  enum class Kind : uint8_t { kScalar, kArray, kObject };
  void write(std::string& out, int indent, int level) const;

  Kind kind_ = Kind::kScalar;
  std::string text_ = "null";       ///< of a scalar
  std::vector<std::string> names_;  ///< of an object's members, as JSON
  std::vector<JsonValue> items_;
};

}  // namespace qprompt
