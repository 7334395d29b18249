// What the image tests share: the fixtures, their expected checksums, and the noise picture.
#pragma once

#include <array>
#include <cstdint>
#include <fstream>
#include <sstream>
#include <string>
#include <string_view>
#include <vector>

#include "qprompt/image.h"

namespace qprompt::test {

inline std::string fixture(const std::string& name) {
  return std::string(QPROMPT_SOURCE_DIR) + "/tests/data/images/" + name;
}

inline std::string fixture_bytes(const std::string& name) {
  return read_file(fixture(name), 1 << 20);
}

/// zlib's crc32, written out so that the tests need no library for it.
inline std::string crc32(std::string_view bytes) {
  uint32_t crc = 0xFFFFFFFFu;
  for (const char c : bytes) {
    crc ^= static_cast<uint8_t>(c);
    for (int bit = 0; bit < 8; ++bit) crc = crc >> 1 ^ (crc & 1 ? 0xEDB88320u : 0u);
  }
  char text[9];
  std::snprintf(text, sizeof text, "%08x", ~crc);
  return text;
}

inline std::string crc32(const Image& image) {
  return crc32({reinterpret_cast<const char*>(image.rgb.data()), image.rgb.size()});
}

/// The high bytes of a linear congruential generator, as tests/data/images/make_fixtures.py.
inline Image noise(int64_t width, int64_t height) {
  Image image{width, height, {}};
  auto state = static_cast<uint32_t>(width * 65537 + height);
  for (int64_t i = 0; i < 3 * width * height; ++i) {
    state = state * 1664525u + 1013904223u;
    image.rgb.push_back(static_cast<uint8_t>(state >> 24));
  }
  return image;
}

/// One line of decode.txt or exif.txt.
struct Expected {
  std::string name;
  int64_t width = 0, height = 0;
  std::string crc;
};

inline std::vector<Expected> expected_pictures(const std::string& list) {
  std::ifstream in(fixture(list));
  std::vector<Expected> all;
  for (Expected e; in >> e.name >> e.width >> e.height >> e.crc;) all.push_back(e);
  return all;
}

/// The lines of a list of `N` whole numbers and a checksum.
template <size_t N>
std::vector<std::pair<std::array<int64_t, N>, std::string>> expected_numbers(
    const std::string& list) {
  std::ifstream in(fixture(list));
  std::vector<std::pair<std::array<int64_t, N>, std::string>> all;
  for (std::string line; std::getline(in, line);) {
    std::istringstream words(line);
    auto& [numbers, crc] = all.emplace_back();
    for (int64_t& n : numbers) words >> n;
    words >> crc;
  }
  return all;
}

/// The error that `action` throws: its kind and message; kind 0 when it throws none.
struct Thrown {
  int kind = 0;
  std::string message;
};

template <class Action>
Thrown thrown(Action action) {
  try {
    action();
  } catch (const Error& error) {
    return {static_cast<int>(error.kind()), error.what()};
  }
  return {};
}

constexpr int kContentCode = static_cast<int>(ErrorKind::kContent);
constexpr int kPathCode = static_cast<int>(ErrorKind::kPath);
constexpr int kUsageCode = static_cast<int>(ErrorKind::kUsage);

}  // namespace qprompt::test
