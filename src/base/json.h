// A JSON value to be written: results for programs, records. Reading is nlohmann's.
#pragma once

#include <concepts>
#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

namespace qprompt {

/// Null, a truth value, a number, a text, an array, or an object whose members keep their order.
/// `JsonValue{{"a", 1}, {"b", "x"}}` is an object; arrays come from `JsonValue::array()` or a
/// vector.
class JsonValue {
 public:
  using Member = std::pair<std::string, JsonValue>;

  JsonValue() = default;
  JsonValue(std::nullptr_t) {}
  JsonValue(bool value) : value_(value) {}
  template <std::integral Whole>
    requires(!std::same_as<Whole, bool>)
  JsonValue(Whole value) : value_(whole(value)) {}
  JsonValue(double value) : value_(value) {}
  JsonValue(std::string value) : value_(std::move(value)) {}
  JsonValue(std::string_view value) : value_(std::string(value)) {}
  JsonValue(const char* value) : value_(std::string(value)) {}
  template <class Value>
    requires std::convertible_to<const Value&, JsonValue>
  JsonValue(const std::vector<Value>& values) : value_(Array(values.begin(), values.end())) {}
  JsonValue(std::initializer_list<Member> members);

  static JsonValue array() { return JsonValue(Array{}); }
  static JsonValue object() { return JsonValue(Object{}); }

  /// The member `key`, added as null where it is missing; null becomes an object.
  JsonValue& operator[](const std::string& key);
  /// Appends to an array; null becomes one.
  void push_back(JsonValue value);

  /// One line without blanks; with `indent` of 0 or more, a line a value. Bytes that are no UTF-8
  /// become U+FFFD, numbers that are not finite become null; a number that was real stays so
  /// ("1.0").
  std::string dump(int indent = -1) const;

 private:
  using Array = std::vector<JsonValue>;
  using Object = std::vector<Member>;
  explicit JsonValue(Array values) : value_(std::move(values)) {}
  explicit JsonValue(Object members) : value_(std::move(members)) {}
  template <class Whole>
  static std::variant<int64_t, uint64_t> whole(Whole value) {
    if constexpr (std::signed_integral<Whole>) {
      return int64_t{value};
    } else {
      return uint64_t{value};
    }
  }
  void write(std::string& out, int indent, int depth) const;

  std::variant<std::nullptr_t, bool, std::variant<int64_t, uint64_t>, double, std::string, Array,
               Object>
      value_ = nullptr;
};

/// The text between quotes as JSON has it.
std::string json_quoted(std::string_view text);

}  // namespace qprompt
