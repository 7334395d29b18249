// Codes in b bits, and what they stand for. Standard library only, for the artifact codec.
#include "qprompt/quant.h"

namespace qprompt {
namespace {

void check_bits(int64_t bits) {
  if (bits < 1 || bits > 8) fail(ErrorKind::kContent, "codes of ", bits, " bits; 1 to 8 expected");
}

}  // namespace

std::vector<uint8_t> pack_codes(std::span<const uint8_t> codes, int64_t bits) {
  check_bits(bits);
  std::vector<uint8_t> packed;
  packed.reserve((codes.size() * static_cast<size_t>(bits) + 7) / 8);
  uint32_t pending = 0;
  int64_t held = 0;
  for (size_t i = 0; i < codes.size(); ++i) {
    if (codes[i] >> bits) {
      fail(ErrorKind::kContent, "code ", int{codes[i]}, " at index ", i, " does not fit in ", bits,
           " bits");
    }
    pending |= uint32_t{codes[i]} << held;
    held += bits;
    if (held >= 8) {
      packed.push_back(static_cast<uint8_t>(pending));
      pending >>= 8;
      held -= 8;
    }
  }
  if (held > 0) packed.push_back(static_cast<uint8_t>(pending));
  return packed;
}

std::vector<uint8_t> unpack_codes(std::span<const uint8_t> packed, int64_t bits, int64_t count) {
  check_bits(bits);
  // The count is bounded by the bytes at hand before it is multiplied or allocated.
  const int64_t most = static_cast<int64_t>(packed.size()) * 8 / bits;
  if (count < 0 || count > most || static_cast<int64_t>(packed.size()) != (count * bits + 7) / 8) {
    fail(ErrorKind::kContent, packed.size(), " packed bytes cannot be ", count, " codes of ", bits,
         " bits");
  }
  std::vector<uint8_t> codes(static_cast<size_t>(count));
  const uint32_t mask = (1u << bits) - 1;
  uint32_t pending = 0;
  int64_t held = 0;
  size_t next = 0;
  for (auto& code : codes) {
    if (held < bits) {
      pending |= uint32_t{packed[next++]} << held;
      held += 8;
    }
    code = static_cast<uint8_t>(pending & mask);
    pending >>= bits;
    held -= bits;
  }
  if (pending != 0) {
    fail(ErrorKind::kContent, "the unused bits of the last packed byte (byte ", packed.size() - 1,
         ") are not zero");
  }
  return codes;
}

std::vector<float> dequantize(const QuantizedValues& quantized) {
  std::vector<float> centres;
  for (const uint16_t bits : quantized.codebook) centres.push_back(from_half(bits));
  std::vector<float> values(quantized.codes.size());
  for (size_t i = 0; i < values.size(); ++i) {
    if (quantized.codes[i] >= centres.size()) {
      fail(ErrorKind::kContent, "code ", int{quantized.codes[i]}, " at index ", i,
           " has no centre: the codebook has ", centres.size());
    }
    values[i] = centres[quantized.codes[i]];
  }
  return values;
}

}  // namespace qprompt
