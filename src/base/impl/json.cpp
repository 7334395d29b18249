#include "base/json.h"

#include <array>
#include <charconv>
#include <cmath>
#include <cstdio>

#include "base/text.h"
#include "qprompt/base.h"

namespace qprompt {
namespace {

std::string escaped_control(char c) {
  constexpr std::string_view kNamed = "\b\f\n\r\t", kLetters = "bfnrt";
  const size_t named = kNamed.find(c);
  if (named != std::string_view::npos) return {'\\', kLetters[named]};
  std::array<char, 8> text{};
  std::snprintf(text.data(), text.size(), "\\u%04x", static_cast<unsigned>(c));
  return text.data();
}

std::string as_json(std::string_view text) {
  std::string out = "\"";
  for (const char c : valid_utf8(text)) {
    if (c == '"' || c == '\\') {
      out += {'\\', c};
    } else if (static_cast<unsigned char>(c) < 0x20) {
      out += escaped_control(c);
    } else {
      out += c;
    }
  }
  return out + '"';
}

/// Fixed notation from 1e-5 to below 1e15, as most programs print JSON; a double keeps a point.
std::string number(double value) {
  if (!std::isfinite(value)) return "null";
  std::array<char, 40> buffer{};
  auto end = std::to_chars(buffer.data(), buffer.data() + buffer.size(), value,
                           std::chars_format::scientific);
  const std::string shortest(buffer.data(), end.ptr);
  const int exponent = std::stoi(shortest.substr(shortest.find('e') + 1));
  if (value != 0 && (exponent < -5 || exponent >= 15)) return shortest;
  end =
      std::to_chars(buffer.data(), buffer.data() + buffer.size(), value, std::chars_format::fixed);
  std::string text(buffer.data(), end.ptr);
  return text.find('.') == std::string::npos ? text + ".0" : text;
}

}  // namespace

JsonValue::JsonValue(double value) : text_(number(value)) {}

JsonValue::JsonValue(std::string_view text) : text_(as_json(text)) {}

JsonValue::JsonValue(std::initializer_list<Member> members) : kind_(Kind::kObject) {
  for (const auto& [name, value] : members) (*this)[name] = value;
}

JsonValue JsonValue::array() {
  JsonValue out;
  out.kind_ = Kind::kArray;
  return out;
}

JsonValue JsonValue::object() {
  JsonValue out;
  out.kind_ = Kind::kObject;
  return out;
}

JsonValue JsonValue::verbatim(std::string json) {
  JsonValue out;
  out.text_ = std::move(json);
  return out;
}

JsonValue& JsonValue::operator[](const std::string& name) {
  if (kind_ == Kind::kScalar && text_ == "null") kind_ = Kind::kObject;
  if (kind_ != Kind::kObject) fail(ErrorKind::kInternal, "no JSON object has '", name, "'");
  const std::string key = as_json(name);
  for (size_t i = 0; i < names_.size(); ++i) {
    if (names_[i] == key) return items_[i];
  }
  names_.push_back(key);
  return items_.emplace_back();
}

void JsonValue::push_back(JsonValue value) {
  if (kind_ == Kind::kScalar && text_ == "null") kind_ = Kind::kArray;
  if (kind_ != Kind::kArray) fail(ErrorKind::kInternal, "only a JSON array grows at its end");
  items_.push_back(std::move(value));
}

std::string JsonValue::text(int indent) const {
  std::string out;
  write(out, indent, 0);
  return out;
}

void JsonValue::write(std::string& out, int indent, int level) const {
  if (kind_ == Kind::kScalar) {
    out += text_;
    return;
  }
  const bool object = kind_ == Kind::kObject, lines = indent >= 0 && !items_.empty();
  const auto new_line = [&](int deep) {
    if (lines) out += '\n' + std::string(static_cast<size_t>(indent * deep), ' ');
  };
  out += object ? '{' : '[';
  for (size_t i = 0; i < items_.size(); ++i) {
    if (i > 0) out += ',';
    new_line(level + 1);
    if (object) out += names_[i] + (indent >= 0 ? ": " : ":");
    items_[i].write(out, indent, level + 1);
  }
  new_line(level);
  out += object ? '}' : ']';
}

}  // namespace qprompt
