// The generator against numbers that CPython 3.11's `random.Random` gave.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <numeric>

#include "qprompt/base.h"

namespace qprompt {
namespace {

using Ids = std::vector<int64_t>;

TEST(Rng, FirstNumbersEqualCPythons) {
  const std::vector<std::pair<uint64_t, std::vector<uint32_t>>> cases = {
      {0, {3626764237u, 1654615998u, 3255389356u, 3823568514u}},
      {1, {577090037u, 2444712010u, 3639700191u, 3445702192u}},
      {4294967301u, {675479763u, 2085189291u, 1213270837u, 3822202474u}},
      {1099511627793u, {2840774218u, 3282848423u, 1037313734u, 1965542259u}},
      {18446744073709551615u, {93740670u, 1068495656u, 1452108352u, 2657516307u}},
  };
  for (const auto& [seed, expected] : cases) {
    Rng rng(seed);
    for (const uint32_t number : expected) EXPECT_EQ(rng.next_u32(), number) << "seed " << seed;
  }
}

TEST(Rng, UniformNumbersEqualCPythons) {
  Rng rng(1);
  EXPECT_EQ(rng.uniform(), 0.13436424411240122);
  EXPECT_EQ(rng.uniform(), 0.8474337369372327);
  EXPECT_EQ(rng.uniform(), 0.763774618976614);
}

TEST(Rng, BoundedNumbersEqualCPythons) {
  Rng rng(3);
  const Ids bounds = {1, 2, 3, 7, 8, 9, 1000, INT64_C(1) << 31, (INT64_C(1) << 32) - 1};
  Ids drawn;
  for (const int64_t n : bounds) drawn.push_back(rng.below(n));
  EXPECT_EQ(drawn, (Ids{0, 0, 1, 4, 7, 1, 620, 56556069, 3903345311}));
}

TEST(Rng, SamplesEqualCPythonsWithPoolAndWithSet) {
  struct Case {
    int64_t n, k;
    Ids drawn;
  };
  const std::vector<Case> cases = {
      {60, 16, {8, 36, 54, 51, 48, 4, 16, 7, 31, 55, 28, 30, 41, 24, 13, 6}},
      {1300, 4, {275, 1165, 129, 522}},
      {21, 5, {4, 18, 2, 8, 3}},  // the largest list for five
      {22, 5, {4, 18, 2, 8, 3}},
      {84, 6, {17, 72, 8, 32, 15, 63}},
      {85, 8, {17, 72, 8, 32, 15, 63, 57, 60}},
      {86, 8, {17, 72, 8, 32, 15, 63, 57, 60}},
      {277, 24, {68,  32,  130, 60,  253, 230, 241, 194, 107, 48, 249, 14,
                 199, 221, 1,   228, 136, 117, 52,  162, 15,  11, 6,   166}},
      {5, 5, {1, 0, 4, 3, 2}},
      {3, 0, {}},
      {1, 1, {0}},
  };
  for (const auto& c : cases) EXPECT_EQ(Rng(1).sample(c.n, c.k), c.drawn) << c.n << ", " << c.k;
  Rng rng(1);
  rng.sample(60, 16);
  EXPECT_EQ(rng.sample(60, 16),
            (Ids{31, 1, 57, 53, 24, 27, 38, 48, 49, 0, 44, 28, 17, 46, 14, 37}));
}

TEST(Rng, ManySamplesInARowEqualCPythons) {
  // sum = 0; for x in drawn: sum = (sum * 31 + x) % (2**61 - 1)
  constexpr uint64_t kModulus = (uint64_t{1} << 61) - 1;
  Rng rng(11);
  uint64_t sum = 0, count = 0;
  for (int64_t n = 1; n < 300; n += 7) {
    for (const int64_t k : {1, 2, 4, 5, 6, 8, 16, 24}) {
      if (k > n) continue;
      for (const int64_t x : rng.sample(n, k)) {
        uint64_t next = static_cast<uint64_t>(x);
        for (int i = 0; i < 31; ++i) next = (next + sum) % kModulus;
        sum = next;
        ++count;
      }
    }
  }
  EXPECT_EQ(count, 2669u);
  EXPECT_EQ(sum, 702313847121395281u);
}

TEST(Rng, ShufflesEqualCPythons) {
  const std::vector<Ids> shuffled = {
      {0}, {1, 0}, {2, 3, 4, 0, 1}, {6, 8, 9, 7, 5, 3, 0, 4, 1, 2}, {26, 16, 11, 10, 23, 1,  5, 29,
                                                                     7,  20, 9,  28, 17, 13, 0, 19,
                                                                     22, 6,  12, 21, 14, 15, 3, 8,
                                                                     2,  24, 25, 27, 18, 4}};
  for (const Ids& expected : shuffled) {
    EXPECT_EQ(Rng(1).permutation(static_cast<int64_t>(expected.size())), expected);
  }
  EXPECT_EQ(Rng(7).permutation(20),
            (Ids{17, 15, 11, 18, 7, 6, 19, 3, 14, 0, 9, 5, 16, 8, 13, 2, 1, 12, 4, 10}));
  EXPECT_EQ(Rng(7).permutation(0), Ids{});
}

TEST(Rng, NormalNumbersHaveMeanZeroAndVarianceOne) {
  Rng rng(1);
  double sum = 0, squares = 0;
  constexpr int kDraws = 100'000;
  for (int i = 0; i < kDraws; ++i) {
    const double x = rng.normal();
    ASSERT_TRUE(std::isfinite(x));
    sum += x;
    squares += x * x;
  }
  EXPECT_NEAR(sum / kDraws, 0.0, 0.02);
  EXPECT_NEAR(squares / kDraws, 1.0, 0.02);
}

TEST(Rng, ImpossibleDrawsAreRefused) {
  Rng rng(1);
  EXPECT_THROW(rng.below(0), Error);
  EXPECT_THROW(rng.below(INT64_C(1) << 32), Error);
  EXPECT_THROW(rng.sample(3, 4), Error);
  EXPECT_THROW(rng.sample(3, -1), Error);
}

}  // namespace
}  // namespace qprompt
