// Comparisons and scores of made-up results whose numbers are known.
#include "report/comparison.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "qprompt/base.h"
#include "report/example_results.h"

namespace qprompt {
namespace {

using namespace testing_support;

/// CoOp and QCoOp over three draws of data set "a"; zero-shot CLIP has one result.
Experiment three_draws() {
  Experiment e;
  e.heading.name = "three";
  e.heading.title = "Three draws";
  e.heading.methods = {"zero-shot CLIP", "CoOp", "QCoOp 1 bit"};
  e.heading.datasets = {"a"};
  e.heading.shots = {16};
  CellOutcome zero_shot = done("zero-shot CLIP", "a", 0, 0);
  zero_shot.scores = {test_of("a", "base", 2), test_of("a", "new", 3)};
  e.cells = {zero_shot,
             cell_of("a", 1, 2, 2, "CoOp"),
             cell_of("a", 2, 3, 1, "CoOp"),
             cell_of("a", 3, 2, 3, "CoOp"),
             cell_of("a", 1, 3, 4),
             cell_of("a", 2, 3, 3),
             cell_of("a", 3, 4, 3)};
  return e;
}

const Difference& of(const Comparison& comparison, const std::string& classes) {
  for (const Difference& d : comparison.differences) {
    if (d.classes == classes) return d;
  }
  throw std::runtime_error("no " + classes);
}

TEST(ComparisonTest, MethodsAreComparedWithTheFirstThatLearnsDrawByDraw) {
  const std::vector<Comparison> all = comparisons(three_draws(), "");
  ASSERT_EQ(all.size(), 2u);
  EXPECT_EQ(all[0].method, "zero-shot CLIP");
  EXPECT_EQ(all[1].method, "QCoOp 1 bit");
  EXPECT_EQ(all[1].against, "CoOp");
  // base: 50, 75, 50 → 75, 75, 100: differences 25, 0, 50.
  const Difference& base = of(all[1], "base");
  EXPECT_EQ(base.draws, 3);
  EXPECT_DOUBLE_EQ(base.mean, 25);
  ASSERT_TRUE(base.over_draws.has_value());
  EXPECT_NEAR(base.over_draws->deviation, 25, 1e-12);
  EXPECT_NEAR(base.over_draws->t, std::sqrt(3.0), 1e-12);
  // H of the averages: base 58.33 → 83.33, new 50 → 83.33.
  EXPECT_NEAR(of(all[1], "H").mean, 250.0 / 3 - 2 * (175.0 / 3) * 50 / (175.0 / 3 + 50), 1e-9);
  EXPECT_FALSE(of(all[1], "H").of_first_draw.has_value());
  // The first draw: of the new images CoOp has 2 of 4, QCoOp all.
  EXPECT_EQ(of(all[1], "new").of_first_draw->only_second, 2);
  EXPECT_NEAR(of(all[1], "new").of_first_draw->p, 0.5, 1e-12);
}

TEST(ComparisonTest, WhatHasNoDrawsStandsForEveryDraw) {
  const Comparison zero_shot = comparisons(three_draws(), "").at(0);
  EXPECT_EQ(of(zero_shot, "base").draws, 3);
  EXPECT_NEAR(of(zero_shot, "base").mean, 50 - 175.0 / 3, 1e-9);
}

TEST(ComparisonTest, AnyMethodMayBeTheOneToCompareWith) {
  EXPECT_EQ(comparisons(three_draws(), "QCoOp 1 bit").at(1).method, "CoOp");
  EXPECT_DOUBLE_EQ(of(comparisons(three_draws(), "QCoOp 1 bit").at(1), "base").mean, -25);
  try {
    comparisons(three_draws(), "QMaPLe");
    FAIL();
  } catch (const Error& e) {
    EXPECT_EQ(e.kind(), ErrorKind::kUsage);
    EXPECT_NE(std::string(e.what()).find("zero-shot CLIP, CoOp, QCoOp 1 bit"), std::string::npos);
  }
}

TEST(ComparisonTest, FewDrawsSayWhatTheyCouldShow) {
  const ComparisonTable few = layout(comparisons(three_draws(), "")).at(0);
  EXPECT_EQ(few.table.title, "Compared with CoOp, a, 16 shots");
  EXPECT_EQ(few.table.rows.size(), 6u);
  EXPECT_NE(few.note.find("There are only 3 draws: differences below"), std::string::npos);
  // (t_0.975 + t_0.8 of two degrees of freedom)·25 / √3
  EXPECT_EQ(few.table.rows[3][7], "77.41");
  Experiment one = three_draws();
  std::erase_if(one.cells, [](const CellOutcome& cell) { return cell.seed > 1; });
  const ComparisonTable alone = layout(comparisons(one, "")).at(0);
  EXPECT_NE(alone.note.find("There is one draw"), std::string::npos);
  EXPECT_EQ(alone.table.rows[3][3], "-");
  Experiment many = three_draws();
  for (uint64_t seed = 4; seed <= 10; ++seed) {
    many.cells.push_back(cell_of("a", seed, 2, 2, "CoOp"));
    many.cells.push_back(cell_of("a", seed, 3, 3));
  }
  EXPECT_EQ(layout(comparisons(many, "")).at(0).note.find("only"), std::string::npos);
}

TEST(ComparisonTest, TheAverageOverDataSetsIsComparedDrawByDraw) {
  Experiment e = three_draws();
  e.heading.datasets = {"a", "b"};
  for (const CellOutcome& cell : three_draws().cells) {
    CellOutcome other = cell;
    other.dataset = "b";
    for (ScoredList& list : other.scores) list.dataset = "b";
    e.cells.push_back(other);
  }
  const std::vector<Comparison> all = comparisons(e, "");
  ASSERT_EQ(all.size(), 6u);
  EXPECT_EQ(all[3].dataset, "average of 2 data sets");
  EXPECT_DOUBLE_EQ(of(all[3], "base").mean, 25);
  EXPECT_FALSE(of(all[3], "base").over_images.has_value());
}

TEST(ComparisonTest, ADrawThatOneOfThemLacksIsLeftOut) {
  Experiment e = three_draws();
  e.cells.pop_back();
  EXPECT_EQ(of(comparisons(e, "").at(1), "base").draws, 2);
}

TEST(ComparisonTest, TheJsonHasEveryNumber) {
  const auto json = nlohmann::json::parse(results_json({three_draws()}));
  const auto& base = json[0]["comparisons"][1]["differences"][0];
  EXPECT_EQ(base["classes"], "base");
  EXPECT_EQ(base["difference"], 25.0);
  EXPECT_EQ(base["bootstrap_interval"].size(), 2u);
  EXPECT_EQ(json[0]["scores"][0]["score"], "macro-F1, base");
}

/// The same with the list of all four classes, 0 and 1 being base.
Experiment with_joint_lists() {
  Experiment e = three_draws();
  e.heading.methods = {"CoOp"};
  e.cells = {cell_of("a", 1, 4, 3, "CoOp")};
  ScoredList all = test_of("a", "all", 4);
  all.classes = std::make_shared<const std::vector<std::string>>(
      std::vector<std::string>{"a", "b", "c", "d"});
  all.truth =
      std::make_shared<const std::vector<int64_t>>(std::vector<int64_t>{0, 0, 1, 1, 2, 2, 3, 3});
  all.predictions = {0, 0, 1, 2, 2, 2, 0, 1};
  all.total = 8;
  all.correct = 5;
  all.confidences.assign(8, 0.5f);
  all.base_scores = {0.9f, 0.8f, 0.7f, 0.3f, 0.1f, 0.2f, 0.6f, 0.75f};
  e.cells[0].scores.push_back(all);
  return e;
}

double score_named(const Experiment& e, const std::string& name) {
  for (const OtherScore& score : other_scores(e)) {
    if (score.name == name) return score.value.mean;
  }
  return -1;
}

TEST(ScoresTest, JointScoresTellAllClassesApart) {
  const Experiment e = with_joint_lists();
  EXPECT_DOUBLE_EQ(score_named(e, "joint, base"), 75);
  EXPECT_DOUBLE_EQ(score_named(e, "joint, new"), 50);
  EXPECT_DOUBLE_EQ(score_named(e, "joint H"), 60);
  EXPECT_DOUBLE_EQ(score_named(e, "ECE, joint"), 100 * (5 - 8 * 0.5) / 8);
  // All base images are right among base classes; of the new ones `test_of` has the first three
  // right, with base scores 0.1, 0.2, 0.6: 0.9, 0.8, 0.7 are above all three, 0.3 above two.
  EXPECT_DOUBLE_EQ(score_named(e, "OpenworldAUC"), 100.0 * 11 / 16);
}

TEST(ScoresTest, F1AndCalibrationAreOverTheHalfThatTheyName) {
  const Experiment e = three_draws();
  // Right 2, 3 and 2 of truth 0 0 1 1; the wrong ones go to the other class.
  EXPECT_GT(score_named(e, "macro-F1, base"), 0);
  const std::vector<Table> tables = score_tables(e);
  ASSERT_EQ(tables.size(), 1u);
  EXPECT_EQ(tables[0].header, (std::vector<std::string>{"method", "macro-F1, base", "macro-F1, new",
                                                        "ECE, base", "ECE, new"}))
      << "nobody scored all classes together";
  EXPECT_EQ(tables[0].rows.size(), 3u);
  EXPECT_EQ(tables[0].rows[0][3], "25.00") << "sure by 75 %, right in 50 %";
}

}  // namespace
}  // namespace qprompt
