// The paper's tables from made-up results whose numbers are known.
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "report/paper.h"

#include "report/example_results.h"

namespace qprompt {
namespace {

using namespace testing_support;

TEST(PaperTest, HOfAnAverageIsTheHarmonicMeanOfTheAverages) {
  const std::vector<PaperTable> tables = paper_tables(base_to_new());
  ASSERT_EQ(tables.size(), 3u);
  const auto& average = tables[0].rows.at(0).measures;
  // base: a 100, 50; b 50, 50. new: a 50, 50; b 25, 75.
  EXPECT_DOUBLE_EQ(*average[0].mean, 62.5);
  EXPECT_DOUBLE_EQ(average[0].deviation, 12.5);  // of 75 and 50, population
  EXPECT_DOUBLE_EQ(*average[1].mean, 50);
  EXPECT_DOUBLE_EQ(*average[2].mean, 2 * 62.5 * 50 / 112.5);
  const double h1 = 2 * 75 * 37.5 / 112.5, h2 = 2 * 50 * 62.5 / 112.5;
  EXPECT_NEAR(average[2].deviation, std::abs(h1 - h2) / 2, 1e-9);
  EXPECT_EQ(average[0].seeds, 2);
}

TEST(PaperTest, PublishedNumbersStandBelowWithTheDifference) {
  const Table table = layout(paper_tables(base_to_new())[0]);
  ASSERT_EQ(table.rows.size(), 3u);
  EXPECT_EQ(table.rows[0][2], "62.50 ± 12.50");
  EXPECT_EQ(table.rows[1],
            (std::vector<std::string>{"  published", "260", "60.00", "49.00", "54.00"}));
  EXPECT_EQ(table.rows[2][2], "+2.50");
  EXPECT_EQ(layout(paper_tables(base_to_new())[2]).rows.size(), 1u) << "b was not published";
}

TEST(PaperTest, AnAverageOverOtherSetsIsNotCompared) {
  Experiment e = base_to_new();
  e.published.average_over = 11;
  EXPECT_EQ(layout(paper_tables(e)[0]).rows.size(), 1u);
  EXPECT_EQ(layout(paper_tables(e)[1]).rows.size(), 3u);
}

TEST(PaperTest, AnAverageIsEmptyUntilEverySetIsFinished) {
  Experiment e = base_to_new();
  e.cells.pop_back();
  const std::vector<PaperTable> tables = paper_tables(e);
  EXPECT_FALSE(tables[0].rows[0].measures[0].mean.has_value());
  EXPECT_TRUE(tables[1].rows[0].measures[0].mean.has_value());
  EXPECT_EQ(layout(tables[0]).rows[0][2], "-");
}

TEST(PaperTest, CountsOfClassesAreSummedOverSeeds) {
  const std::vector<ClassCounts> counts = class_counts(base_to_new());
  ASSERT_EQ(counts.size(), 4u);
  const ClassCounts& a = counts[0];
  EXPECT_EQ(a.seeds, 2);
  EXPECT_EQ(a.total, (std::vector<int64_t>{4, 4}));
  EXPECT_EQ(a.correct, (std::vector<int64_t>{4, 2}));
  EXPECT_EQ(a.predicted, (std::vector<int64_t>{6, 2}));
  EXPECT_EQ(a.hits.at({1, 0}), 2);
}

TEST(PaperTest, ProgramsGetEveryNumberUnrounded) {
  const Table table = long_table({base_to_new()});
  ASSERT_EQ(table.rows.size(), 9u);
  EXPECT_EQ(table.rows[0][5], "62.5");
  EXPECT_EQ(table.rows[0][9], "2.5");
  const auto json = nlohmann::json::parse(results_json({base_to_new()}));
  EXPECT_EQ(json[0]["tables"][0]["rows"][0]["values"][0]["difference"], 2.5);
  EXPECT_EQ(json[0]["per_class"][0]["confusion"][0]["images"], 2);
}

TEST(PaperTest, CsvQuotesWhatNeedsIt) {
  EXPECT_EQ(to_csv({"", {"a", "b"}, {{"x,y", "say \"so\""}}}),
            "a,b\r\n\"x,y\",\"say \"\"so\"\"\"\r\n");
}

TEST(PaperTest, ZeroShotStandsInEveryColumnOfShots) {
  const PaperTable table = paper_tables(few_shot()).at(0);
  EXPECT_DOUBLE_EQ(*table.rows[0].measures[0].mean, 25);
  EXPECT_DOUBLE_EQ(*table.rows[0].measures[1].mean, 25);
  EXPECT_DOUBLE_EQ(*table.rows[1].measures[1].mean, 75);
}

TEST(PaperTest, ThePageNeedsNothingFromOutsideAndEscapesNames) {
  const std::string page = results_html({base_to_new(), few_shot()}, {});
  for (const char* part : {"<script", "http:", "https:", "src=", "@import", "url(", "<cat>"}) {
    EXPECT_EQ(page.find(part), std::string::npos) << part;
  }
  for (const char* part : {"&lt;cat&gt;", "&lt;broken&gt;", "<polyline", "confusion matrix",
                           "accuracy (recall) %", "62.50 ± 12.50", "+2.50"}) {
    EXPECT_NE(page.find(part), std::string::npos) << part;
  }
}

/// Every element that is opened is closed, in order: what a browser must not have to guess.
TEST(PaperTest, ThePageIsWellFormed) {
  const std::string page = results_html({base_to_new(), few_shot()}, {});
  std::vector<std::string> open;
  for (size_t at = page.find('<'); at != std::string::npos; at = page.find('<', at + 1)) {
    const size_t end = page.find('>', at);
    ASSERT_NE(end, std::string::npos);
    const std::string tag = page.substr(at + 1, end - at - 1);
    const std::string name =
        tag.substr(tag[0] == '/', tag.find_first_of(" /", 1) - (tag[0] == '/'));
    if (tag[0] == '!' || name == "meta" || tag.back() == '/') continue;
    if (tag[0] != '/') {
      open.push_back(name);
      continue;
    }
    ASSERT_FALSE(open.empty()) << tag;
    EXPECT_EQ("/" + open.back(), tag);
    open.pop_back();
  }
  EXPECT_TRUE(open.empty());
}

}  // namespace
}  // namespace qprompt
