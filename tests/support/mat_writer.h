// Writes MATLAB 5 files byte by byte, as MATLAB does: small integers in place of doubles, UTF-16
// texts, small elements inside their tags, variables compressed or not.
#pragma once

#include <zlib.h>

#include <cstdint>
#include <cstring>
#include <string>
#include <vector>

namespace qprompt::testing_support::mat {

inline std::string number(uint32_t value) {
  std::string out(4, '\0');
  std::memcpy(out.data(), &value, 4);
  return out;
}

/// An element with padding to 8 bytes; one of up to 4 bytes stands inside its tag.
inline std::string element(uint32_t type, const std::string& data) {
  if (!data.empty() && data.size() <= 4 && type != 14) {
    return number(type | static_cast<uint32_t>(data.size()) << 16) + data +
           std::string(4 - data.size(), '\0');
  }
  return number(type) + number(static_cast<uint32_t>(data.size())) + data +
         std::string((8 - data.size() % 8) % 8, '\0');
}

/// A matrix of 1 × n elements of class `type`: flags, dimensions, name, then `body`.
inline std::string matrix(uint32_t type, uint32_t n, const std::string& name,
                          const std::string& body) {
  return element(14, element(6, number(type) + number(0)) + element(5, number(1) + number(n)) +
                         element(1, name) + body);
}

/// A matrix of doubles, stored as bytes.
inline std::string doubles(const std::string& name, const std::vector<uint8_t>& values) {
  return matrix(6, static_cast<uint32_t>(values.size()), name,
                element(2, std::string(values.begin(), values.end())));
}

inline std::string text(const std::string& characters) {
  std::string wide;
  for (const char c : characters) wide += std::string(1, c) + '\0';
  return matrix(4, static_cast<uint32_t>(characters.size()), "", element(4, wide));
}

inline std::string cell(const std::string& name, const std::vector<std::string>& texts) {
  std::string body;
  for (const auto& one : texts) body += text(one);
  return matrix(1, static_cast<uint32_t>(texts.size()), name, body);
}

struct Annotation {
  std::string file;
  uint8_t label;
};
inline std::string annotations(const std::vector<Annotation>& images) {
  std::string names;
  for (const std::string field : {"bbox_x1", "class", "fname"}) {
    names += field + std::string(32 - field.size(), '\0');
  }
  std::string body = element(5, number(32)) + element(1, names);
  for (const auto& image : images) {
    body += doubles("", {39}) + doubles("", {image.label}) + text(image.file);
  }
  return matrix(2, static_cast<uint32_t>(images.size()), "annotations", body);
}

inline std::string compressed(const std::string& variable) {
  uLongf size = compressBound(variable.size());
  std::string out(size, '\0');
  ::compress(reinterpret_cast<Bytef*>(out.data()), &size,
             reinterpret_cast<const Bytef*>(variable.data()), variable.size());
  out.resize(size);
  return number(15) + number(static_cast<uint32_t>(size)) + out;
}

inline std::string file(const std::string& variables) {
  std::string header = "MATLAB 5.0 MAT-file";
  header.resize(124, ' ');
  return header + std::string("\0\1IM", 4) + variables;
}

}  // namespace qprompt::testing_support::mat
