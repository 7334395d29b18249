#include <array>

#include "artifact/impl/format.h"

namespace qprompt::artifact {
namespace {

constexpr std::array<uint32_t, 256> make_table() {
  std::array<uint32_t, 256> table{};
  for (uint32_t byte = 0; byte < 256; ++byte) {
    uint32_t rest = byte;
    for (int bit = 0; bit < 8; ++bit) rest = (rest >> 1) ^ (rest & 1 ? 0xEDB88320u : 0u);
    table[byte] = rest;
  }
  return table;
}
constexpr auto kTable = make_table();

}  // namespace

uint32_t crc32(std::string_view bytes) {
  uint32_t rest = 0xFFFFFFFFu;
  for (const char c : bytes) rest = (rest >> 8) ^ kTable[(rest ^ static_cast<uint8_t>(c)) & 0xFF];
  return ~rest;
}

}  // namespace qprompt::artifact
