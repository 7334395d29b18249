#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <random>

#include "qprompt/quant.h"

namespace qprompt {
namespace {

float torch_float(uint16_t bits) {
  return static_cast<float>(c10::Half(bits, c10::Half::from_bits()));
}

TEST(Half, EveryHalfBecomesTheSameFloatAsInTorchAndComesBack) {
  for (uint32_t h = 0; h < 65536; ++h) {
    const auto bits = static_cast<uint16_t>(h);
    const float value = from_half(bits);
    if (std::isnan(torch_float(bits))) {
      ASSERT_TRUE(std::isnan(value)) << h;
      ASSERT_TRUE(std::isnan(from_half(to_half(value)))) << h;
    } else {
      ASSERT_EQ(std::bit_cast<uint32_t>(value), std::bit_cast<uint32_t>(torch_float(bits))) << h;
      ASSERT_EQ(to_half(value), bits) << h;
    }
  }
}

TEST(Half, RandomFloatsRoundAsInTorch) {
  std::mt19937 random(7);
  for (int i = 0; i < 2000000; ++i) {
    const float value = std::bit_cast<float>(static_cast<uint32_t>(random()));
    if (std::isnan(value)) continue;
    ASSERT_EQ(to_half(value), c10::Half(value).x) << value;
  }
}

TEST(Half, ValuesBetweenNeighboursRoundToTheNearestAndTiesToTheEvenOne) {
  for (uint32_t h = 0; h < 0x7bff; ++h) {
    const float low = from_half(static_cast<uint16_t>(h));
    const float high = from_half(static_cast<uint16_t>(h + 1));
    const float middle = (low + high) / 2;  // exact: one bit more than a half
    ASSERT_EQ(to_half(middle), h % 2 == 0 ? h : h + 1);
    ASSERT_EQ(to_half(std::nextafter(middle, 0.0f)), h);
    ASSERT_EQ(to_half(std::nextafter(middle, high)), h + 1);
  }
}

TEST(Half, WhatIsTooLargeBecomesInfinityFromTheRoundingPointOn) {
  EXPECT_EQ(to_half(65519.996f), 0x7bff);
  EXPECT_EQ(to_half(65520.0f), 0x7c00);
  EXPECT_EQ(to_half(-65520.0f), 0xfc00);
}

}  // namespace
}  // namespace qprompt
