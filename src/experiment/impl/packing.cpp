#include "experiment/impl/packing.h"

#include <bit>
#include <cmath>
#include <cstring>
#include <nlohmann/json.hpp>

#include "base/json.h"
#include "qprompt/base.h"

namespace qprompt {
namespace {

static_assert(std::endian::native == std::endian::little, "lists are kept little-endian");

template <class Value>
std::string pack_json(const std::vector<Value>& list) {
  return JsonValue(list).text();
}

template <class Value>
std::vector<Value> unpack_json(const std::string& text, const std::string& where) {
  try {
    return nlohmann::json::parse(text).get<std::vector<Value>>();
  } catch (const nlohmann::json::exception&) {
    fail(ErrorKind::kContent, where, " is damaged: '", text.substr(0, 80),
         "' is not the list that was expected");
  }
}

}  // namespace

std::string pack_indices(const std::vector<int64_t>& indices) {
  std::string bytes;
  bytes.reserve(2 * indices.size());
  for (const int64_t i : indices) {
    bytes.push_back(static_cast<char>(i & 0xff));
    bytes.push_back(static_cast<char>((i >> 8) & 0xff));
  }
  return bytes;
}

std::string pack_floats(const std::vector<float>& values) {
  return {reinterpret_cast<const char*>(values.data()), values.size() * sizeof(float)};
}

std::string pack_list(const std::vector<std::string>& list) { return pack_json(list); }
std::string pack_list(const std::vector<int64_t>& list) { return pack_json(list); }

std::vector<int64_t> unpack_indices(const std::string& bytes, size_t classes,
                                    const std::string& where) {
  if (bytes.size() % 2 != 0) {
    fail(ErrorKind::kContent, where, " is damaged: a list of classes has an odd number of bytes");
  }
  std::vector<int64_t> out;
  out.reserve(bytes.size() / 2);
  for (size_t i = 0; i < bytes.size(); i += 2) {
    const auto low = static_cast<unsigned char>(bytes[i]);
    const auto high = static_cast<unsigned char>(bytes[i + 1]);
    out.push_back(low | (high << 8));
    if (out.back() >= static_cast<int64_t>(classes)) {
      fail(ErrorKind::kContent, where, " is damaged: class ", out.back(), " of ", classes);
    }
  }
  return out;
}

std::vector<float> unpack_floats(const std::string& bytes, const std::string& where) {
  if (bytes.size() % sizeof(float) != 0) {
    fail(ErrorKind::kContent, where, " is damaged: a list of numbers is cut off");
  }
  std::vector<float> out(bytes.size() / sizeof(float));
  std::memcpy(out.data(), bytes.data(), bytes.size());
  for (const float value : out) {
    if (!std::isfinite(value)) fail(ErrorKind::kContent, where, " is damaged: no finite number");
  }
  return out;
}

std::vector<std::string> unpack_texts(const std::string& json, const std::string& where) {
  return unpack_json<std::string>(json, where);
}
std::vector<int64_t> unpack_numbers(const std::string& json, const std::string& where) {
  return unpack_json<int64_t>(json, where);
}

}  // namespace qprompt
