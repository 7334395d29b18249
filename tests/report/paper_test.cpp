// The paper's tables from made-up results whose numbers are known.
#include <nlohmann/json.hpp>

#include "report/paper.h"
#include "support/run.h"

namespace qprompt {
namespace {

using testing_support::TempFolder;

/// `right` of 4 images right; the wrong ones go to the next class.
TestResult test_of(const std::string& dataset, const std::string& half, int64_t right) {
  const std::vector<std::string> names{"<cat>", "dog, \"small\""};
  const std::vector<int64_t> truth{0, 0, 1, 1};
  TestResult test{dataset, half, 4, right, 0, nullptr, nullptr, truth};
  test.classes = std::make_shared<const std::vector<std::string>>(names);
  test.truth = std::make_shared<const std::vector<int64_t>>(truth);
  for (int64_t i = right; i < 4; ++i) test.predictions[size_t(i)] = 1 - truth[size_t(i)];
  return test;
}

CellResult cell_of(const std::string& set, uint64_t seed, int64_t base, int64_t fresh) {
  return {"QCoOp 1 bit", set, 16,
          seed,          260, {test_of(set, "base", base), test_of(set, "new", fresh)}};
}

Experiment base_to_new() {
  Experiment e{
      "main",
      "The main table",
      Protocol::kBaseToNew,
      {"QCoOp 1 bit"},
      {"a", "b"},
      {16},
      {cell_of("a", 1, 4, 2), cell_of("a", 2, 2, 2), cell_of("b", 1, 2, 1), cell_of("b", 2, 2, 3)},
      4,
      {},
      {}};
  e.published.source = "a paper";
  e.published.average_over = 2;
  e.published.methods["QCoOp 1 bit"] = {260, {{"average", {60, 49, 54}}, {"a", {70, 51, 59}}}};
  return e;
}

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

Experiment few_shot() {
  Experiment e{"shots",
               "Few shots",
               Protocol::kFewShot,
               {"zero-shot CLIP", "CoOp"},
               {"a"},
               {1, 2},
               {},
               3,
               {"CoOp, a: <broken>"},
               {}};
  e.cells.push_back({"zero-shot CLIP", "a", 0, 0, 0, {test_of("a", "all", 1)}});
  e.cells.push_back({"CoOp", "a", 1, 1, 1024, {test_of("a", "all", 2)}});
  e.cells.push_back({"CoOp", "a", 2, 1, 1024, {test_of("a", "all", 3)}});
  return e;
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

std::string find_browser() {
  for (const char* path : {"/usr/bin/chromium", "/usr/bin/chromium-browser",
                           "/usr/bin/google-chrome", "/usr/bin/google-chrome-stable"}) {
    if (std::filesystem::exists(path)) return path;
  }
  return "";
}

TEST(PaperTest, ABrowserWithoutNetworkShowsThePage) {
  const std::string browser = find_browser();
  if (browser.empty()) GTEST_SKIP() << "no Chromium in /usr/bin";
  TempFolder folder;
  testing_support::write_all(folder / "page.html", results_html({base_to_new(), few_shot()}, {}));
  const auto shown = testing_support::run_shell(
      browser +
      " --headless --no-sandbox --disable-gpu --proxy-server=127.0.0.1:9 --dump-dom "
      "--user-data-dir=" +
      (folder / "profile") + " file://" + (folder / "page.html"));
  EXPECT_EQ(shown.code, 0) << shown.err;
  EXPECT_NE(shown.out.find("The main table"), std::string::npos) << shown.err;
  EXPECT_NE(shown.out.find("<polyline"), std::string::npos);
}

}  // namespace
}  // namespace qprompt
