#include <gtest/gtest.h>

#include "qprompt/eval.h"

namespace qprompt {
namespace {

TEST(ScoreTest, TheHarmonicMeanIsThePapers) {
  EXPECT_NEAR(harmonic_mean(80.68, 74.44), 77.43, 0.005);
  EXPECT_EQ(harmonic_mean(0, 0), 0);
  EXPECT_EQ(harmonic_mean(50, 0), 0);
}

TEST(ScoreTest, DeviationIsThePopulations) {
  const Spread s = spread({1, 2, 3});
  EXPECT_DOUBLE_EQ(s.mean, 2);
  EXPECT_NEAR(s.deviation, 0.816497, 1e-6);
  EXPECT_EQ(spread({}).mean, 0);
}

}  // namespace
}  // namespace qprompt
