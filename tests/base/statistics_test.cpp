// Worked out by hand, or by scipy 1.17.1 where a comment gives the call.
#include "base/statistics.h"

#include <gtest/gtest.h>

#include <cmath>

#include "base/paired.h"
#include "qprompt/base.h"

namespace qprompt {
namespace {

TEST(StatisticsTest, TheDeviationIsThatOfThePopulation) {
  const Spread s = spread(std::vector<double>{2, 4, 4, 4, 5, 5, 7, 9});
  EXPECT_DOUBLE_EQ(s.mean, 5);
  EXPECT_DOUBLE_EQ(s.deviation, 2);
  EXPECT_EQ(spread(std::vector<double>{}).mean, 0);
}

TEST(StatisticsTest, HOfAnAverageIsTheHarmonicMeanOfTheAveragesItsDeviationThatOfTheSeedsOwn) {
  const std::vector<double> base{60, 80}, fresh{30, 80};  // own H: 40, 80
  const Spread h = harmonic_spread(base, fresh);
  EXPECT_DOUBLE_EQ(h.mean, 2 * 70 * 55 / 125.0);
  EXPECT_DOUBLE_EQ(h.deviation, 20);
  EXPECT_EQ(harmonic_mean(0, 0), 0);
}

TEST(StatisticsTest, StudentsTIsThatOfScipy) {
  // stats.t.ppf(p, f)
  EXPECT_NEAR(student_t_quantile(0.975, 1), 12.706204736174694, 1e-9);
  EXPECT_NEAR(student_t_quantile(0.975, 9), 2.262157162798205, 1e-10);
  EXPECT_NEAR(student_t_quantile(0.8, 15), 0.8662449731949518, 1e-10);
  EXPECT_NEAR(student_t_quantile(0.1, 3), -1.6377443536962089, 1e-10);
  EXPECT_NEAR(student_t_quantile(0.999, 4.5), 6.421242884295791, 1e-9);
  // 2 * stats.t.sf(t, f)
  EXPECT_NEAR(student_t_two_sided(2, 5), 0.10193947882985835, 1e-12);
  EXPECT_NEAR(student_t_two_sided(-6.8, 7), 0.00025320656040275297, 1e-14);
  EXPECT_NEAR(student_t_two_sided(0, 3), 1, 1e-12);
  EXPECT_NEAR(student_t_two_sided(12.5, 31), 1.2107400055055142e-13, 1e-22);
  EXPECT_THROW(student_t_quantile(1, 3), Error);
}

TEST(StatisticsTest, TheIncompleteBetaFunctionIsThatOfScipy) {
  // special.betainc(a, b, x)
  EXPECT_NEAR(incomplete_beta(0.5, 0.5, 0.3), 0.36901011956554536, 1e-13);
  EXPECT_NEAR(incomplete_beta(12, 7, 0.5), 0.1189422607421875, 1e-13);
  EXPECT_NEAR(incomplete_beta(400, 601, 0.5), 0.9999999999099158, 1e-13);
  EXPECT_NEAR(incomplete_beta(2, 3, 0.9), 0.9963, 1e-13);
}

TEST(PairedTest, TheTTestIsThatOfScipy) {
  const std::vector<double> first{13.45, 12.9, 14.1, 13.0, 15.2, 12.8};
  const std::vector<double> second{15.70, 15.0, 15.9, 15.8, 15.6, 14.6};
  // r = stats.ttest_rel(second, first); r.confidence_interval(0.95)
  const PairedT t = paired_t(first, second);
  EXPECT_EQ(t.pairs, 6);
  EXPECT_NEAR(t.mean, 1.8583333333333334, 1e-12);
  EXPECT_NEAR(t.deviation, 0.8040004145935913, 1e-12);
  EXPECT_NEAR(t.t, 5.661649367398668, 1e-10);
  EXPECT_NEAR(t.p, 0.002389889809121615, 1e-12);
  EXPECT_NEAR(t.interval.low, 1.0145866437676712, 1e-10);
  EXPECT_NEAR(t.interval.high, 2.7020800228989956, 1e-10);
  // (stats.t.ppf(.975, 5) + stats.t.ppf(.8, 5)) * s / sqrt(6)
  EXPECT_NEAR(t.visible, 1.1455701949421553, 1e-10);
}

TEST(PairedTest, ThatManyDrawsShowTheVisibleDifferenceFourTimesInFive) {
  // Differences N(m, 1) with m as the formula says for σ = 1 and 8 draws.
  constexpr int kDraws = 8, kRepeats = 4000;
  const double m = (student_t_quantile(0.975, kDraws - 1) + student_t_quantile(0.8, kDraws - 1)) /
                   std::sqrt(double(kDraws));
  Rng rng(5);
  int shown = 0;
  for (int r = 0; r < kRepeats; ++r) {
    std::vector<double> first(kDraws, 0), second;
    for (int i = 0; i < kDraws; ++i) second.push_back(m + rng.normal());
    shown += paired_t(first, second).interval.low > 0;
  }
  EXPECT_NEAR(double(shown) / kRepeats, 0.8, 0.03);
}

TEST(PairedTest, DifferencesThatAreAllOneHaveNoSpread) {
  const std::vector<double> first{1, 2, 3}, second{2, 3, 4};
  EXPECT_TRUE(std::isinf(paired_t(first, second).t));
  EXPECT_EQ(paired_t(first, second).p, 0);
  EXPECT_EQ(paired_t(first, first).p, 1);
  EXPECT_EQ(paired_t(first, first).visible, 0);
  EXPECT_THROW(paired_t(std::span(first).first(1), std::span(second).first(1)), Error);
  EXPECT_THROW(paired_t(first, std::span(second).first(2)), Error);
}

std::vector<uint8_t> hits(int both, int only, int none) {
  std::vector<uint8_t> out(static_cast<size_t>(both + only + none), 0);
  std::fill_n(out.begin(), both + only, 1);
  return out;
}

TEST(PairedTest, McNemarsTestIsTheExactBinomialOne) {
  // stats.binomtest(5, 20, .5).pvalue; 5 images only the first has right, 15 only the second.
  std::vector<uint8_t> first(40, 1), second(40, 1);
  for (int i = 0; i < 15; ++i) first[size_t(i)] = 0;
  for (int i = 15; i < 20; ++i) second[size_t(i)] = 0;
  const McNemar m = mcnemar(first, second);
  EXPECT_EQ(m.only_first, 5);
  EXPECT_EQ(m.only_second, 15);
  EXPECT_NEAR(m.p, 0.04138946533203125, 1e-13);
  // stats.binomtest(121, 271, .5).pvalue
  const McNemar large = mcnemar(hits(0, 121, 150), [] {
    std::vector<uint8_t> other(271, 1);
    std::fill_n(other.begin(), 121, 0);
    return other;
  }());
  EXPECT_EQ(large.only_second, 150);
  EXPECT_NEAR(large.p, 0.0887796125701743, 1e-12);
  EXPECT_EQ(mcnemar(first, first).p, 1);
  EXPECT_NEAR(mcnemar(hits(0, 0, 3), hits(0, 3, 0)).p, 0.25, 1e-13);
}

TEST(PairedTest, TheBootstrapOverImagesHasTheNormalIntervalOfManyImages) {
  // 2000 images: 300 only the second has right, 200 only the first. The difference is 5 %, its
  // standard error √((0.15 + 0.1 − 0.05²) / 2000) = 1.1124 %.
  PairedHits list{{std::vector<uint8_t>(2000, 0)}, {std::vector<uint8_t>(2000, 0)}};
  std::fill_n(list.first[0].begin(), 200, 1);
  std::fill_n(list.second[0].begin() + 200, 300, 1);
  const Interval i = paired_bootstrap({list}, {.resamples = 4000}).at(0);
  EXPECT_NEAR(i.low, 5 - 1.96 * 1.1124, 0.15);
  EXPECT_NEAR(i.high, 5 + 1.96 * 1.1124, 0.15);
}

TEST(PairedTest, TheBootstrapOverDrawsKeepsThePairs) {
  // Draws differ widely, their difference never: one image of four.
  PairedHits list{{{0, 0, 0, 0}, {1, 1, 1, 0}, {1, 0, 0, 0}},
                  {{1, 0, 0, 0}, {1, 1, 1, 1}, {1, 1, 0, 0}}};
  const Interval i = paired_bootstrap({list}, {.resamples = 500, .images = false}).at(0);
  EXPECT_DOUBLE_EQ(i.low, 25);
  EXPECT_DOUBLE_EQ(i.high, 25);
}

TEST(PairedTest, TheBootstrapOfTwoListsAddsTheDifferenceOfH) {
  // Nothing is drawn again: base 50 → 100, new 50 → 50.
  const PairedHits base{{{1, 0}}, {{1, 1}}}, fresh{{{1, 0}}, {{0, 1}}};
  const auto all =
      paired_bootstrap({base, fresh}, {.resamples = 3, .draws = false, .images = false});
  ASSERT_EQ(all.size(), 3u);
  EXPECT_DOUBLE_EQ(all[0].low, 50);
  EXPECT_DOUBLE_EQ(all[1].high, 0);
  EXPECT_NEAR(all[2].low, 2 * 100 * 50 / 150.0 - 50, 1e-12);
  EXPECT_THROW(paired_bootstrap({base, {{{1}}, {{1, 1}}}}, {}), Error);
  EXPECT_THROW(paired_bootstrap({}, {}), Error);
}

TEST(PairedTest, TheSameSeedGivesTheSameInterval) {
  const PairedHits list{{{1, 0, 1, 0}, {1, 1, 0, 0}}, {{1, 1, 1, 0}, {0, 1, 1, 0}}};
  EXPECT_EQ(paired_bootstrap({list}, {}).at(0).low, paired_bootstrap({list}, {}).at(0).low);
}

}  // namespace
}  // namespace qprompt
