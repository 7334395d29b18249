#include "report/study.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "report/example_study.h"
#include "report/impl/study_plan.h"
#include "report/page_checks.h"
#include "support/run.h"

namespace qprompt {
namespace {

using namespace testing_support;
using study::make_plan;

TEST(StudyPlanTest, OneTrainingServesEveryPartThatNeedsIt) {
  StudyOptions options;
  options.bits = {1, 2};
  const study::Plan plan = make_plan(options);
  // 4 noises; 2 × 6 of the ablation; 2 after training; the grid without the default t and T_KL.
  EXPECT_EQ(plan.cells.size(), 4u + 12u + 2u + 3u * 16u - 2u);
  std::set<size_t> float_cells;
  for (const study::PlannedRow& row : plan.rows) {
    const StudySetting& setting = plan.cells[row.cell].setting;
    if (setting.quantization == Quantization::kNone && setting.noise == 0) {
      float_cells.insert(row.cell);
    }
  }
  ASSERT_EQ(float_cells.size(), 1u) << "noise 0, weights, aware and bits train the same prompt";
  EXPECT_TRUE(plan.cells[*float_cells.begin()].curve);
  EXPECT_TRUE(plan.cells[*float_cells.begin()].weights);
}

TEST(StudyPlanTest, APartAloneAsksForNoMoreThanItShows) {
  StudyOptions options;
  options.parts = {StudyPart::kBits};
  const study::Plan plan = make_plan(options);
  ASSERT_EQ(plan.cells.size(), 1 + options.bits.size());
  for (const study::StudyCell& cell : plan.cells) EXPECT_TRUE(cell.watch().epochs.empty());
  EXPECT_EQ(plan.rows.at(1).label, "QCoOp 1 bit");
  options.bits.clear();
  EXPECT_THROW(make_plan(options), Error);
}

TEST(StudyPlanTest, EverySettingOfARowIsInWhatIsTrained) {
  for (const study::StudyCell& cell : make_plan(StudyOptions{}).cells) {
    EXPECT_EQ(cell.fit.train.noise, cell.setting.noise);
    EXPECT_EQ(cell.fit.train.quantization, cell.setting.quantization);
    EXPECT_EQ(cell.fit.train.quantizer.bits, cell.setting.quantizer.bits);
    EXPECT_EQ(cell.fit.train.quantizer.interval, cell.setting.quantizer.interval);
    EXPECT_EQ(cell.fit.train.quantizer.kl_threshold, cell.setting.quantizer.kl_threshold);
    EXPECT_EQ(cell.fit.train.quantizer.normalise, cell.setting.quantizer.normalise);
    EXPECT_EQ(cell.fit.train.quantizer.schedule, cell.setting.quantizer.schedule);
  }
}

TEST(StudyPlanTest, WatchedEpochsBeginAtTheStartAndEndAtTheEnd) {
  EXPECT_EQ(study::watched_epochs(3), (std::vector<int64_t>{0, 1, 2, 3}));
  const auto many = study::watched_epochs(200);
  EXPECT_EQ(many.size(), 51u);
  EXPECT_EQ(many[1], 4);
  EXPECT_EQ(many.back(), 200);
  EXPECT_EQ(study::watched_epochs(101).back(), 101);
  EXPECT_EQ(study::stage_epochs(50), (std::vector<int64_t>{0, 1, 5, 10, 25, 50}));
  EXPECT_EQ(study::stage_epochs(1), (std::vector<int64_t>{0, 1}));
  for (const int64_t epoch : study::stage_epochs(200)) {
    EXPECT_EQ(std::count(many.begin(), many.end(), epoch), 1) << epoch;
  }
}

TEST(StudyScoreTest, HOfAnAverageIsTheHarmonicMeanOfTheAverages) {
  StudyRow row;
  row.seeds.resize(2);
  row.seeds[0].base = 60;
  row.seeds[0].fresh = 30;  // H 40
  row.seeds[1].base = 80;
  row.seeds[1].fresh = 80;  // H 80
  const StudyScore score = study_score(row);
  EXPECT_DOUBLE_EQ(score.base.mean, 70);
  EXPECT_DOUBLE_EQ(score.base.deviation, 10);
  EXPECT_DOUBLE_EQ(score.h.mean, 2 * 70 * 55 / 125.0);
  EXPECT_DOUBLE_EQ(score.h.deviation, 20);
}

TEST(StudyPageTest, EveryPartHasASectionATableAndFigures) {
  const std::string page = study_html(example_study(), {});
  EXPECT_EQ(outside_parts(page), std::vector<std::string>{});
  EXPECT_EQ(broken_ids(page), std::vector<std::string>{});
  for (const std::string& part : study_part_names()) {
    EXPECT_NE(page.find("<section id=\"" + part + "\">"), std::string::npos) << part;
    EXPECT_NE(page.find("href=\"#" + part + "\""), std::string::npos) << part;
  }
  const std::vector<std::string> figures = all_of(page, "<figure id=\"([^\"]*)\"");
  EXPECT_EQ(figures,
            (std::vector<std::string>{
                "fig-noise-base", "fig-noise-new", "fig-noise-h", "fig-weights-raw",
                "fig-weights-shape", "fig-weights-variance", "fig-weights-outliers",
                "fig-weights-kl", "fig-weights-distance", "fig-ablation-base", "fig-ablation-new",
                "fig-ablation-h", "fig-aware-base", "fig-aware-new", "fig-aware-h", "fig-bits",
                "fig-schedule-1", "fig-schedule-2", "fig-schedule-4"}));
  EXPECT_EQ(all_of(page, "(<svg )").size(), figures.size());
  EXPECT_EQ(all_of(page, "(<table>)").size(), study_part_names().size());
  EXPECT_EQ(page.find("<b>a"), std::string::npos) << "a data set's name is text";
}

TEST(StudyPageTest, TheSameResultGivesTheSamePage) {
  EXPECT_EQ(study_html(example_study(), {{"date", "today"}}),
            study_html(example_study(), {{"date", "today"}}));
}

TEST(StudyFilesTest, TheJsonHoldsEveryPartSeedAndStage) {
  const auto json = nlohmann::json::parse(study_json(example_study()));
  EXPECT_EQ(json["data"], "<b>a & b</b>");
  for (const std::string& part : study_part_names()) {
    ASSERT_FALSE(json["parts"][part].empty()) << part;
    for (const auto& row : json["parts"][part]) EXPECT_EQ(row["seeds"].size(), 2u);
  }
  EXPECT_EQ(json["parts"]["noise"][1]["setting"]["noise"], 0.1);
  EXPECT_EQ(json["parts"]["noise"][1]["seeds"][0]["curve"].size(), 2u);
  EXPECT_EQ(json["weights"]["stages"][1]["kl"]["mean"], 5);
  EXPECT_EQ(json["weights"]["histograms"][0]["density"][1], 0.75);
}

TEST(StudyFilesTest, TheCsvFilesHaveALineForEachNumber) {
  const auto files = study_csv(example_study());
  ASSERT_EQ(files.size(), 4u);
  std::map<std::string, size_t> rows;
  for (const auto& [name, table] : files) {
    rows[name] = table.rows.size();
    for (const auto& row : table.rows) EXPECT_EQ(row.size(), table.header.size()) << name;
  }
  EXPECT_EQ(rows["scores.csv"], example_study().rows.size());
  EXPECT_EQ(rows["curves.csv"], 4u);      // 2 noises × 2 epochs
  EXPECT_EQ(rows["weights.csv"], 2u);     // epochs
  EXPECT_EQ(rows["histograms.csv"], 8u);  // 2 kinds × 2 epochs × 2 bins
}

}  // namespace
}  // namespace qprompt
