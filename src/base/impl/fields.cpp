#include <charconv>
#include <cmath>

#include "qprompt/base.h"

namespace qprompt {
namespace {

template <class Number>
Field bounded_field(std::string name, std::string help, Number& target, Bounds bounds) {
  const auto print = [&target] {
    char text[32];
    const auto end = std::to_chars(text, text + sizeof text, target).ptr;
    return std::string(text, end);
  };
  const auto parse = [&target, bounds](const std::string& text) {
    Number value{};
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc() || end != text.data() + text.size() || !std::isfinite(double(value))) {
      fail(ErrorKind::kUsage, "'", text, "' is not ",
           std::is_integral_v<Number> ? "a whole number" : "a number");
    }
    if (double(value) < bounds.low || double(value) > bounds.high) {
      fail(ErrorKind::kUsage, text, " is outside ", bounds.low, " … ", bounds.high);
    }
    target = value;
  };
  return {std::move(name), std::move(help), print, parse};
}

}  // namespace

Field number_field(std::string name, std::string help, int64_t& target, Bounds bounds) {
  return bounded_field(std::move(name), std::move(help), target, bounds);
}

Field number_field(std::string name, std::string help, double& target, Bounds bounds) {
  return bounded_field(std::move(name), std::move(help), target, bounds);
}

Field text_field(std::string name, std::string help, std::string& target) {
  return {std::move(name), std::move(help), [&target] { return target; },
          [&target](const std::string& text) { target = text; }};
}

Field flag_field(std::string name, std::string help, bool& target) {
  return {std::move(name), std::move(help),
          [&target] { return std::string(target ? "true" : "false"); },
          [&target](const std::string& text) {
            if (text != "true" && text != "false") {
              fail(ErrorKind::kUsage, "'", text, "' is neither true nor false");
            }
            target = text == "true";
          }};
}

size_t parse_choice(const std::string& text, const std::vector<std::string>& names) {
  std::string all;
  for (size_t i = 0; i < names.size(); ++i) {
    if (names[i] == text) return i;
    all += (i == 0 ? "" : ", ") + names[i];
  }
  fail(ErrorKind::kUsage, "'", text, "' is not one of: ", all);
}

}  // namespace qprompt
