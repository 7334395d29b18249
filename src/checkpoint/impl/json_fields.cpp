#include "checkpoint/impl/json_fields.h"

#include <cmath>

#include "base/json_depth.h"

namespace qprompt::checkpoint {
namespace {
constexpr int64_t kMaxConfigBytes = 16 << 20;
}

JsonFields JsonFields::read(const std::string& path) {
  const std::string bytes = read_file(path, kMaxConfigBytes);
  if (json_is_deeper_than(bytes, kMaxJsonDepth)) {
    fail(ErrorKind::kContent, path, ": JSON nested more than ", kMaxJsonDepth, " levels deep");
  }
  try {
    nlohmann::json json = nlohmann::json::parse(bytes);
    if (!json.is_object()) fail(ErrorKind::kContent, path, ": expected a JSON object");
    return JsonFields(std::move(json), path);
  } catch (const nlohmann::json::exception& error) {
    fail(ErrorKind::kContent, path, ": not valid JSON: ", error.what());
  }
}

void JsonFields::wrong(const std::string& key, const std::string& expected) const {
  std::string came = json_.at(key).dump(-1, ' ', true, nlohmann::json::error_handler_t::replace);
  if (came.size() > 100) came = came.substr(0, 100) + "…";
  fail(ErrorKind::kContent, where_, ": '", key, "' is ", came, ", expected ", expected);
}

bool JsonFields::has(const std::string& key) const {
  return json_.contains(key) && !json_.at(key).is_null();
}

JsonFields JsonFields::object(const std::string& key) const {
  const std::string where = where_ + ", " + key;
  if (!has(key)) return JsonFields(nlohmann::json::object(), where);
  if (!json_.at(key).is_object()) wrong(key, "an object");
  return JsonFields(json_.at(key), where);
}

int64_t JsonFields::as_integer(const nlohmann::json& value, const std::string& key) const {
  if (value.is_number_integer() &&
      (!value.is_number_unsigned() || value.get<uint64_t>() >> 62 == 0)) {
    return value.get<int64_t>();
  }
  if (value.is_number_float()) {
    const double number = value.get<double>();
    if (std::abs(number) < 1e15 && number == std::floor(number)) {
      return static_cast<int64_t>(number);
    }
  }
  wrong(key, "a whole number");
}

int64_t JsonFields::integer(const std::string& key, int64_t fallback) const {
  return has(key) ? as_integer(json_.at(key), key) : fallback;
}

double JsonFields::number(const std::string& key, double fallback) const {
  if (!has(key)) return fallback;
  if (!json_.at(key).is_number()) wrong(key, "a number");
  return json_.at(key).get<double>();
}

std::string JsonFields::text(const std::string& key, const std::string& fallback) const {
  if (!has(key)) return fallback;
  if (!json_.at(key).is_string()) wrong(key, "a string");
  return json_.at(key).get<std::string>();
}

bool JsonFields::flag(const std::string& key, bool fallback) const {
  if (!has(key)) return fallback;
  if (!json_.at(key).is_boolean()) wrong(key, "true or false");
  return json_.at(key).get<bool>();
}

int64_t JsonFields::side(const std::string& key, int64_t fallback) const {
  if (!has(key)) return fallback;
  const nlohmann::json& value = json_.at(key);
  if (value.is_number()) return as_integer(value, key);
  if (value.is_array() && value.size() == 2 && value[0] == value[1]) {
    return as_integer(value[0], key);
  }
  if (value.is_object() && value.contains("shortest_edge")) {
    return as_integer(value["shortest_edge"], key);
  }
  if (value.is_object() && value.contains("height") && value.contains("width") &&
      value["height"] == value["width"]) {
    return as_integer(value["height"], key);
  }
  wrong(key, "the side of a square");
}

bool JsonFields::is_height_and_width(const std::string& key) const {
  return has(key) && json_.at(key).is_object() && !json_.at(key).contains("shortest_edge");
}

std::map<std::string, std::string> JsonFields::texts(const std::string& key) const {
  std::map<std::string, std::string> out;
  if (!has(key)) return out;
  if (!json_.at(key).is_object()) wrong(key, "an object of texts");
  for (const auto& [name, text] : json_.at(key).items()) {
    if (!text.is_string()) wrong(key, "an object of texts");
    out[name] = text.get<std::string>();
  }
  return out;
}

std::vector<std::string> JsonFields::keys() const {
  std::vector<std::string> out;
  for (const auto& [key, value] : json_.items()) out.push_back(key);
  return out;
}

std::array<double, 3> JsonFields::channels(const std::string& key,
                                           std::array<double, 3> fallback) const {
  if (!has(key)) return fallback;
  const nlohmann::json& value = json_.at(key);
  std::array<double, 3> numbers{};
  if (!value.is_array() || value.size() != 3) wrong(key, "three numbers");
  for (size_t i = 0; i < 3; ++i) {
    if (!value[i].is_number()) wrong(key, "three numbers");
    numbers[i] = value[i].get<double>();
  }
  return numbers;
}

void JsonFields::refuse(const std::string& key, const std::string& allowed) const {
  if (!has(key)) return;
  const nlohmann::json& value = json_.at(key);
  if (value.is_boolean() && !value.get<bool>()) return;
  if (!allowed.empty() && value.is_string() && value.get<std::string>() == allowed) return;
  if (value.is_object() && value.empty()) return;
  wrong(key, allowed.empty() ? "nothing: this variant of the architecture is not supported"
                             : "'" + allowed + "': other variants are not supported");
}

}  // namespace qprompt::checkpoint
