#include "quant/impl/kmeans.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <random>

namespace qprompt {
namespace {

using Values = std::vector<float>;

Values normal(size_t count, uint32_t seed) {
  std::mt19937 random(seed);
  std::normal_distribution<float> draw;
  Values values(count);
  for (auto& value : values) value = draw(random);
  return values;
}

Values uniform(size_t count, uint32_t seed) {
  std::mt19937 random(seed);
  std::uniform_real_distribution<float> draw(-3, 5);
  Values values(count);
  for (auto& value : values) value = draw(random);
  return values;
}

Values two_valued(size_t count, uint32_t seed) {
  std::mt19937 random(seed);
  Values values(count);
  for (auto& value : values) value = random() % 3 == 0 ? 0.25f : -1.75f;
  return values;
}

Values rounded(Values values) {
  for (auto& value : values) value = std::round(value * 16) / 16;
  return values;
}

/// The data that every exactness test runs on.
std::vector<std::pair<std::string, Values>> all_kinds(size_t count) {
  std::vector<std::pair<std::string, Values>> kinds = {
      {"normal", normal(count, 1)},         {"uniform", uniform(count, 2)},
      {"two-valued", two_valued(count, 3)}, {"constant", Values(count, 0.1f)},
      {"ties", rounded(normal(count, 4))},  {"far from zero", normal(count, 5)},
      {"outliers", normal(count, 6)}};
  for (auto& value : kinds[5].second) value = 1000 + value * 0.01f;
  kinds[6].second[0] = 1e6f;
  kinds[6].second[count / 2] = -3e4f;
  return kinds;
}

/// Σ (x − nearest centre)², by looking at every centre.
double inertia_of(const Values& values, const std::vector<double>& centres) {
  double inertia = 0;
  for (const float value : values) {
    double best = std::numeric_limits<double>::infinity();
    for (const double c : centres) best = std::min(best, (value - c) * (value - c));
    inertia += best;
  }
  return inertia;
}

/// The least inertia over every assignment of values to k groups, contiguous or not.
double brute_force(const Values& values, size_t k) {
  double best = std::numeric_limits<double>::infinity();
  size_t assignments = 1;
  for (size_t i = 0; i < values.size(); ++i) assignments *= k;
  for (size_t a = 0; a < assignments; ++a) {
    std::vector<double> sum(k), count(k);
    size_t rest = a;
    for (const float value : values) {
      sum[rest % k] += value;
      count[rest % k] += 1;
      rest /= k;
    }
    double inertia = 0;
    rest = a;
    for (const float value : values) {
      const double d = value - sum[rest % k] / count[rest % k];
      inertia += d * d;
      rest /= k;
    }
    best = std::min(best, inertia);
  }
  return best;
}

/// The plain dynamic programme over sorted values, O(K N²), costs by Welford's update.
double plain_programme(Values values, size_t k) {
  std::sort(values.begin(), values.end());
  const size_t n = values.size();
  std::vector<std::vector<double>> cost(n + 1, std::vector<double>(n + 1, 0));
  for (size_t i = 0; i < n; ++i) {
    double mean = 0, spread = 0;
    for (size_t j = i; j < n; ++j) {
      const double step = values[j] - mean;
      mean += step / static_cast<double>(j - i + 1);
      spread += step * (values[j] - mean);
      cost[i][j + 1] = spread;
    }
  }
  std::vector<double> least = cost[0];
  for (size_t layer = 1; layer < k; ++layer) {
    for (size_t j = n; j > 0; --j) {
      for (size_t i = 0; i < j; ++i) least[j] = std::min(least[j], least[i] + cost[i][j]);
    }
  }
  return least[n];
}

TEST(KMeans, SmallCasesReachTheBruteForceOptimum) {
  for (uint32_t seed = 0; seed < 40; ++seed) {
    for (const size_t count : {1, 2, 3, 5, 7}) {
      for (const auto& values : {normal(count, seed), rounded(normal(count, seed)),
                                 two_valued(count, seed), uniform(count, seed)}) {
        for (int64_t bits = 1; bits <= 2; ++bits) {
          const double best = brute_force(values, size_t{1} << bits);
          EXPECT_NEAR(fit_codebook(values, bits).inertia, best, 1e-12) << seed << " " << count;
        }
      }
    }
  }
}

TEST(KMeans, InertiaEqualsThatOfThePlainProgrammeFromOneToEightBits) {
  for (const auto& [name, values] : all_kinds(300)) {
    for (int64_t bits = 1; bits <= 8; ++bits) {
      const Codebook book = fit_codebook(values, bits);
      const double best = plain_programme(values, size_t{1} << bits);
      EXPECT_NEAR(book.inertia, best, 1e-9 * best + 1e-20) << name << " " << bits;
    }
  }
}

TEST(KMeans, InertiaIsThatOfTheCentresAndTheCentresAscend) {
  for (const auto& [name, values] : all_kinds(2048)) {
    for (int64_t bits = 1; bits <= 8; ++bits) {
      const Codebook book = fit_codebook(values, bits);
      const double direct = inertia_of(values, book.centres);
      EXPECT_NEAR(book.inertia, direct, 1e-9 * direct) << name << " " << bits;
      EXPECT_LE(book.centres.size(), size_t{1} << bits);
      EXPECT_TRUE(std::is_sorted(book.centres.begin(), book.centres.end())) << name;
    }
  }
}

TEST(KMeans, FewerDistinctValuesThanCentresGiveOneCentreEach) {
  const Codebook constant = fit_codebook(Values(100, 0.1f), 8);
  EXPECT_EQ(constant.centres, std::vector<double>{0.1f});
  EXPECT_EQ(constant.inertia, 0);
  const Codebook three = fit_codebook(Values{2, -1, 2, 0.3f, -1}, 4);
  EXPECT_EQ(three.centres, (std::vector<double>{-1, 0.3f, 2}));
  EXPECT_EQ(three.inertia, 0);
  EXPECT_EQ(fit_codebook(Values{-0.0f, 0.0f}, 1).centres, std::vector<double>{0});
}

TEST(KMeans, ManyEqualValuesAreStillFittedExactly) {
  const Values values = two_valued(200000, 9);
  EXPECT_EQ(fit_codebook(values, 4).inertia, 0);
  const Values ties = rounded(normal(200000, 10));
  const double best = quant::fit_centres(ties, 16, ties.size()).inertia;
  EXPECT_EQ(fit_codebook(ties, 4).inertia, best);
}

TEST(KMeans, ManyDistinctValuesComeWithinAThousandthOfAPercentAtFourBits) {
  Values tails = normal(20000, 11);  // heavy tails: quotients of normal values
  const Values below = normal(20000, 12);
  for (size_t i = 0; i < tails.size(); ++i) tails[i] /= below[i];
  Values outlier = normal(20000, 13);
  outlier[17] = 1e6f;
  for (const Values& values : {normal(20000, 14), uniform(20000, 15), tails, outlier}) {
    for (const int64_t bits : {2, 4, 8}) {
      const auto k = size_t{1} << bits;
      const double best = quant::fit_centres(values, k, values.size()).inertia;
      const double found = fit_codebook(values, bits).inertia;
      // Measured: below 1e-6 to 4 bits and 1e-4 at 8. fit_codebook promises this bound.
      EXPECT_LE(found, best * (bits <= 4 ? 1 + 1e-5 : 1 + 5e-4)) << bits;
      EXPECT_GE(found, best * (1 - 1e-9)) << bits;
    }
  }
}

TEST(KMeans, TheOrderOfTheValuesDoesNotMatter) {
  for (const size_t count : {500u, 5000u, 30000u}) {
    Values values = normal(count, 16);
    const Codebook once = fit_codebook(values, 3);
    std::shuffle(values.begin(), values.end(), std::mt19937(17));
    const Codebook again = fit_codebook(values, 3);
    EXPECT_EQ(once.centres, again.centres);
    EXPECT_EQ(once.inertia, again.inertia);
  }
}

TEST(KMeans, RadixSortedValuesAscend) {
  Values values = normal(20000, 18);
  values[0] = -0.0f;
  values[1] = std::numeric_limits<float>::max();
  values[2] = std::numeric_limits<float>::lowest();
  values[3] = std::numeric_limits<float>::denorm_min();
  const Values sorted = quant::sorted_values(values);
  std::sort(values.begin(), values.end());
  EXPECT_EQ(sorted, values);
}

TEST(KMeans, CodesNameTheNearestCentreAndTiesGoToTheLowerOne) {
  const Values values = uniform(5000, 19);
  for (int64_t bits = 1; bits <= 8; ++bits) {
    const auto centres = fit_codebook(values, bits).centres;
    const auto codes = nearest_codes(values, centres);
    for (size_t i = 0; i < values.size(); ++i) {
      size_t best = 0;
      for (size_t k = 1; k < centres.size(); ++k) {
        if (std::abs(values[i] - centres[k]) < std::abs(values[i] - centres[best])) best = k;
      }
      ASSERT_EQ(codes[i], best) << bits << " " << i;
    }
  }
  EXPECT_EQ(nearest_codes(Values{0, 1, 2, 3, 4}, {0, 2, 4}), (std::vector<uint8_t>{0, 0, 1, 1, 2}));
  EXPECT_EQ(nearest_codes(Values{-5, 5}, {1}), (std::vector<uint8_t>{0, 0}));
  EXPECT_THROW(nearest_codes(Values{1}, {}), Error);
}

TEST(KMeans, NanInfinityNothingAndImpossibleBitsAreRefused) {
  const float nan = std::numeric_limits<float>::quiet_NaN();
  const float infinity = std::numeric_limits<float>::infinity();
  EXPECT_THROW(fit_codebook(Values{}, 1), Error);
  EXPECT_THROW(fit_codebook(Values{1, nan}, 1), Error);
  EXPECT_THROW(fit_codebook(Values{1, -infinity}, 1), Error);
  EXPECT_THROW(fit_codebook(Values{1, 2}, 0), Error);
  EXPECT_THROW(fit_codebook(Values{1, 2}, 9), Error);
  try {
    fit_codebook(Values{1, 2, nan}, 1);
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::kContent);
    EXPECT_NE(std::string(error.what()).find("value 2 of 3"), std::string::npos) << error.what();
  }
}

}  // namespace
}  // namespace qprompt
