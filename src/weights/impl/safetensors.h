// The safetensors format from bytes in memory. Private to the room `weights`.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "qprompt/weights.h"
#include "weights/impl/byte_range.h"

namespace qprompt {

/// The longest header that the format allows.
inline constexpr uint64_t kMaxSafetensorsHeader = 100'000'000;

struct SafetensorsEntry {
  std::string name;
  std::string dtype;  ///< as written: "F32"
  std::vector<int64_t> shape;
  uint64_t begin = 0, end = 0;  ///< bytes from the end of the header
};

struct SafetensorsHeader {
  std::vector<SafetensorsEntry> entries;  ///< in the header's order
  std::map<std::string, std::string> metadata;
};

/// Reads the header's JSON; offsets and sizes are taken as written. Throws Error(kContent).
SafetensorsHeader parse_safetensors_header(std::string_view json, const std::string& source);

/// Reads a whole file's bytes; every size is checked. Throws Error(kContent).
WeightStore parse_safetensors(const ByteRange& file);

/// The format's name of a dtype ("F32"); nullptr for one that it, or this library, does not know.
const char* safetensors_dtype_name(at::ScalarType dtype);

}  // namespace qprompt
