// Every number here was worked out by hand.
#include "report/impl/study_statistics.h"

#include <gtest/gtest.h>

#include <cmath>

#include "qprompt/base.h"

namespace qprompt::study {
namespace {

TEST(StatisticsTest, MomentsAreThoseOfThePopulation) {
  const Moments m = moments(std::vector<float>{2, 4, 4, 4, 5, 5, 7, 9});
  EXPECT_DOUBLE_EQ(m.mean, 5);
  EXPECT_DOUBLE_EQ(m.variance, 4);
  EXPECT_DOUBLE_EQ(moments(std::vector<float>{3, 3, 3}).variance, 0);
  EXPECT_DOUBLE_EQ(moments({}).mean, 0);
}

TEST(StatisticsTest, NormalisedValuesHaveMeanZeroAndDeviationOne) {
  EXPECT_EQ(normalised(std::vector<float>{1, 3}), (std::vector<float>{-1, 1}));
  EXPECT_EQ(normalised(std::vector<float>{2, 4, 4, 4, 5, 5, 7, 9}),
            (std::vector<float>{-1.5, -0.5, -0.5, -0.5, 0, 0, 1, 2}));
  EXPECT_EQ(normalised(std::vector<float>{7, 7}), (std::vector<float>{0, 0}));
}

TEST(StatisticsTest, OutliersAreCountedOnBothSides) {
  // μ = 0, σ² = (2·10² + 18·0²) / 20 = 10, σ = 3.162: both tens lie 3.16 σ away.
  std::vector<float> values(20, 0.0f);
  values[3] = 10;
  values[11] = -10;
  EXPECT_DOUBLE_EQ(share_beyond(values, 3), 0.1);
  EXPECT_DOUBLE_EQ(share_beyond(values, 4), 0);
  // One of 20: μ = 0.5, σ = 2.179, the ten lies 4.36 σ away.
  values[11] = 0;
  EXPECT_DOUBLE_EQ(share_beyond(values, 4), 0.05);
  EXPECT_DOUBLE_EQ(share_beyond(std::vector<float>(5, 1.5f), 3), 0);
  EXPECT_DOUBLE_EQ(share_beyond({}, 3), 0);
}

TEST(StatisticsTest, ABinHoldsItsLowerEdgeAndTheLastOneBoth) {
  const std::vector<float> values{0, 0.49f, 0.5f, 1, 1.5f, 1.99f, 2};
  EXPECT_EQ(histogram(values, {0, 2, 4}), (std::vector<int64_t>{2, 1, 1, 3}));
}

TEST(StatisticsTest, ValuesOutsideCountAtTheEnds) {
  const std::vector<float> values{-9, -1, 0.5f, 3, 1e30f};
  EXPECT_EQ(histogram(values, {-1, 1, 2}), (std::vector<int64_t>{2, 3}));
  EXPECT_EQ(histogram(values, {1, 1, 3}), (std::vector<int64_t>{5, 0, 0})) << "no width";
}

TEST(StatisticsTest, DivergenceIsThatOfCountsWithHalfACountMore) {
  // p = (1.5, 3.5) / 5 = (0.3, 0.7); q = (2.5, 2.5) / 5.
  EXPECT_NEAR(kl_divergence({1, 3}, {2, 2}), 0.3 * std::log(0.6) + 0.7 * std::log(1.4), 1e-12);
  EXPECT_DOUBLE_EQ(kl_divergence({5, 0, 2}, {5, 0, 2}), 0);
  // An empty bin costs a finite amount: p = (0.5, 4.5) / 5, q = (4.5, 0.5) / 5.
  EXPECT_NEAR(kl_divergence({0, 4}, {4, 0}), 0.8 * std::log(9), 1e-12);
  EXPECT_THROW(kl_divergence({1}, {1, 2}), Error);
}

TEST(StatisticsTest, DistanceIsRelativeToTheEarlierNorm) {
  const std::vector<float> before{3, 4}, now{3, 1};
  EXPECT_DOUBLE_EQ(relative_distance(now, before), 0.6);
  EXPECT_DOUBLE_EQ(relative_distance(before, before), 0);
  EXPECT_DOUBLE_EQ(relative_distance(now, std::vector<float>{0, 0}), 0);
}

}  // namespace
}  // namespace qprompt::study
