#include <gtest/gtest.h>

#include <random>

#include "qprompt/quant.h"

namespace qprompt {
namespace {

std::vector<uint8_t> random_codes(size_t count, int64_t bits) {
  std::mt19937 random(static_cast<uint32_t>(count * 8 + static_cast<size_t>(bits)));
  std::vector<uint8_t> codes(count);
  for (auto& code : codes) code = static_cast<uint8_t>(random() & ((1u << bits) - 1));
  return codes;
}

TEST(Packing, CodesComeBackForEveryWidthAndManyCounts) {
  for (int64_t bits = 1; bits <= 8; ++bits) {
    for (size_t count = 0; count < 70; ++count) {
      const auto codes = random_codes(count, bits);
      const auto packed = pack_codes(codes, bits);
      EXPECT_EQ(packed.size(), (count * static_cast<size_t>(bits) + 7) / 8);
      EXPECT_EQ(unpack_codes(packed, bits, static_cast<int64_t>(count)), codes);
    }
  }
}

TEST(Packing, TheFirstCodeStandsInTheLowestBits) {
  const std::vector<uint8_t> bits = {1, 0, 0, 0, 0, 0, 0, 0, 1, 1};
  EXPECT_EQ(pack_codes(bits, 1), (std::vector<uint8_t>{0x01, 0x03}));
  const std::vector<uint8_t> threes = {1, 2, 7};  // 001 010 111, read from the right
  EXPECT_EQ(pack_codes(threes, 3), (std::vector<uint8_t>{0xd1, 0x01}));
}

TEST(Packing, ACodeThatDoesNotFitIsRefused) {
  EXPECT_THROW(pack_codes(std::vector<uint8_t>{4}, 2), Error);
  EXPECT_THROW(pack_codes(std::vector<uint8_t>{0}, 0), Error);
  EXPECT_THROW(pack_codes(std::vector<uint8_t>{0}, 9), Error);
}

TEST(Packing, WrongSizesAndNonZeroPaddingAreRefused) {
  const std::vector<uint8_t> two = {0xff, 0x01};
  EXPECT_NO_THROW(unpack_codes(two, 1, 9));
  EXPECT_THROW(unpack_codes(two, 1, 8), Error);
  EXPECT_THROW(unpack_codes(two, 1, 17), Error);
  EXPECT_THROW(unpack_codes(two, 1, -1), Error);
  EXPECT_THROW(unpack_codes(two, 1, INT64_MAX), Error);
  EXPECT_THROW(unpack_codes(std::vector<uint8_t>{0xff, 0x02}, 1, 9), Error);
  EXPECT_THROW(unpack_codes(std::vector<uint8_t>{0x40}, 3, 2), Error);
}

TEST(Packing, CodesStandForTheCentresOfTheCodebook) {
  QuantizedValues quantized{2, {0, 3, 1, 2}, {to_half(-1), to_half(0), to_half(0.5), to_half(2)}};
  EXPECT_EQ(dequantize(quantized), (std::vector<float>{-1, 2, 0, 0.5}));
  quantized.codebook.pop_back();
  EXPECT_THROW(dequantize(quantized), Error);
}

}  // namespace
}  // namespace qprompt
