// Every number here was worked out by hand.
#include "eval/metrics.h"

#include <gtest/gtest.h>

#include <vector>

#include "qprompt/base.h"

namespace qprompt {
namespace {

TEST(MetricsTest, MacroF1IsTheMeanOverTheClassesOfTheTruth) {
  // Class 0: TP 2, FP 1, FN 0 → 0.8; class 1: TP 0, FP 0, FN 2 → 0; class 2 is only predicted.
  const std::vector<int64_t> truth{0, 0, 1, 1}, predictions{0, 0, 0, 2};
  EXPECT_DOUBLE_EQ(macro_f1(truth, predictions), 40);
  EXPECT_DOUBLE_EQ(macro_f1(truth, truth), 100);
  EXPECT_EQ(macro_f1({}, {}), 0);
  EXPECT_THROW(macro_f1(truth, {}), Error);
}

TEST(MetricsTest, TheCalibrationErrorIsThatOfBinsWithTheirUpperEdge) {
  // Two bins: (0, 0.5] holds 0.5 right and 0.25 wrong, (0.5, 1] 0.75 right and 1 right:
  // (|1 − 0.75| + |2 − 1.75|) / 4.
  const std::vector<float> confidences{0.5f, 0.25f, 0.75f, 1};
  const std::vector<uint8_t> right{1, 0, 1, 1};
  EXPECT_DOUBLE_EQ(calibration_error(confidences, right, 2), 12.5);
  // In one bin errors of both signs cancel: |3 − 2.5| / 4.
  EXPECT_DOUBLE_EQ(calibration_error(confidences, right, 1), 12.5);
  const std::vector<uint8_t> other{0, 0, 1, 1};
  EXPECT_DOUBLE_EQ(calibration_error(confidences, other, 1), 12.5);  // |2 − 2.5| / 4
  EXPECT_DOUBLE_EQ(calibration_error(confidences, other, 2), 25);    // (0.75 + 0.25) / 4
  EXPECT_EQ(calibration_error({}, {}), 0);
}

TEST(MetricsTest, OpenworldAucCountsPairsThatAreRightAndInOrder) {
  const std::vector<uint8_t> base_right{1, 1, 0}, new_right{1, 0, 1, 1};
  const std::vector<float> base{0.9f, 0.4f, 1.0f}, fresh{0.5f, 0.0f, 0.4f, 0.1f};
  // 0.9 is above 0.5, 0.4, 0.1; 0.4 above 0.1 and level with 0.4: 4.5 of 12 pairs.
  EXPECT_DOUBLE_EQ(openworld_auc({base_right, base}, {new_right, fresh}), 37.5);
  EXPECT_EQ(openworld_auc({{}, {}}, {new_right, fresh}), 0);
}

TEST(MetricsTest, OpenworldAucIsAnAucWhereWrongImagesStandAtTheWrongEnds) {
  // The published computation: wrong base images below all, wrong new ones above all.
  const std::vector<uint8_t> base_right{1, 0, 1, 1}, new_right{0, 1, 1};
  const std::vector<float> base{0.6f, 0.9f, 0.3f, 0.7f}, fresh{0.1f, 0.3f, 0.65f};
  double pairs = 0;
  for (size_t b = 0; b < base.size(); ++b) {
    for (size_t n = 0; n < fresh.size(); ++n) {
      const double high = base_right[b] ? base[b] : -1, low = new_right[n] ? fresh[n] : 2;
      pairs += high > low ? 1 : high == low ? 0.5 : 0;
    }
  }
  EXPECT_DOUBLE_EQ(openworld_auc({base_right, base}, {new_right, fresh}), 100 * pairs / 12);
}

}  // namespace
}  // namespace qprompt
