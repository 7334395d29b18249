// Decodes arbitrary bytes as a `.qprompt` file of either version. What decodes of version 2 must
// encode to the same bytes: a prompt has exactly one encoding. What decodes of version 1 must
// encode to a file of version 2 that holds the same.
#include <cstdint>
#include <cstdlib>
#include <string>

#include "qprompt/artifact.h"

namespace {

/// CRC-32 bit by bit: a second truth beside the codec's table.
uint32_t plain_crc32(const std::string& bytes) {
  uint32_t rest = 0xFFFFFFFFu;
  for (const char c : bytes) {
    rest ^= static_cast<uint8_t>(c);
    for (int bit = 0; bit < 8; ++bit) rest = (rest >> 1) ^ (rest & 1 ? 0xEDB88320u : 0u);
  }
  return ~rest;
}

void put_u32(std::string& bytes, size_t at, uint32_t value) {
  for (size_t i = 0; i < 4; ++i) bytes[at + i] = static_cast<char>(value >> (8 * i));
}

void decode(const std::string& bytes) {
  try {
    const std::string again = qprompt::encode_prompt(qprompt::decode_prompt(bytes, "fuzz"));
    const bool old = bytes[4] == 1;
    if (!old && again != bytes) std::abort();
    if (old && qprompt::encode_prompt(qprompt::decode_prompt(again, "again")) != again) {
      std::abort();
    }
  } catch (const qprompt::Error& error) {
    if (error.kind() != qprompt::ErrorKind::kContent) std::abort();
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  std::string bytes(reinterpret_cast<const char*>(data), size);
  decode(bytes);
  if (size < 16) return 0;
  // The fuzzer cannot guess magic, length and checksum; with them set it reaches the content.
  for (const char version : {1, 2}) {
    bytes.replace(0, 6, std::string("QPRM") + version + '\0');
    put_u32(bytes, 8, static_cast<uint32_t>(size));
    put_u32(bytes, size - 4, plain_crc32(bytes.substr(0, size - 4)));
    decode(bytes);
  }
  return 0;
}
