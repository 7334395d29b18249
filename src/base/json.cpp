#include "base/json.h"

#include <charconv>
#include <cmath>

#include "base/text.h"
#include "qprompt/base.h"

namespace qprompt {
namespace {

void new_line(std::string& out, int indent, int depth) {
  if (indent < 0) return;
  out += '\n';
  out.append(static_cast<size_t>(indent * depth), ' ');
}

template <class Number>
std::string number_text(Number value) {
  char text[32];
  return {text, std::to_chars(text, text + sizeof text, value).ptr};
}

std::string real_text(double value) {
  if (!std::isfinite(value)) return "null";
  const std::string text = number_text(value);
  return text.find_first_of(".e") == text.npos ? text + ".0" : text;
}

}  // namespace

std::string json_quoted(std::string_view text) {
  std::string out = "\"";
  for (const char c : valid_utf8(text)) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (byte < 0x20) {
      constexpr std::string_view kShort = "btn\0fr";
      const bool is_short = byte >= 8 && byte <= 13 && byte != 11;
      char code[7];
      std::snprintf(code, sizeof code, "\\u%04x", byte);
      out += is_short ? std::string{'\\', kShort[byte - 8u]} : std::string(code);
    } else {
      out += c;
    }
  }
  return out + '"';
}

JsonValue::JsonValue(std::initializer_list<Member> members) : value_(Object(members)) {}

JsonValue& JsonValue::operator[](const std::string& key) {
  if (std::holds_alternative<std::nullptr_t>(value_)) value_ = Object{};
  auto* members = std::get_if<Object>(&value_);
  if (members == nullptr) fail(ErrorKind::kInternal, "JSON: member '", key, "' of no object");
  for (Member& member : *members) {
    if (member.first == key) return member.second;
  }
  return members->emplace_back(key, JsonValue()).second;
}

void JsonValue::push_back(JsonValue value) {
  if (std::holds_alternative<std::nullptr_t>(value_)) value_ = Array{};
  auto* values = std::get_if<Array>(&value_);
  if (values == nullptr) fail(ErrorKind::kInternal, "JSON: an element of no array");
  values->push_back(std::move(value));
}

std::string JsonValue::dump(int indent) const {
  std::string out;
  write(out, indent, 0);
  return out;
}

void JsonValue::write(std::string& out, int indent, int depth) const {
  if (const auto* truth = std::get_if<bool>(&value_)) {
    out += *truth ? "true" : "false";
  } else if (const auto* number = std::get_if<std::variant<int64_t, uint64_t>>(&value_)) {
    out += std::visit([](auto value) { return number_text(value); }, *number);
  } else if (const auto* real = std::get_if<double>(&value_)) {
    out += real_text(*real);
  } else if (const auto* text = std::get_if<std::string>(&value_)) {
    out += json_quoted(*text);
  } else if (const auto* values = std::get_if<Array>(&value_)) {
    out += '[';
    for (size_t i = 0; i < values->size(); ++i) {
      if (i > 0) out += ',';
      new_line(out, indent, depth + 1);
      (*values)[i].write(out, indent, depth + 1);
    }
    if (!values->empty()) new_line(out, indent, depth);
    out += ']';
  } else if (const auto* members = std::get_if<Object>(&value_)) {
    out += '{';
    for (size_t i = 0; i < members->size(); ++i) {
      if (i > 0) out += ',';
      new_line(out, indent, depth + 1);
      out += json_quoted((*members)[i].first) + (indent < 0 ? ":" : ": ");
      (*members)[i].second.write(out, indent, depth + 1);
    }
    if (!members->empty()) new_line(out, indent, depth);
    out += '}';
  } else {
    out += "null";
  }
}

}  // namespace qprompt
