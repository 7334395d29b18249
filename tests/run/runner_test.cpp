// Whole recipes over a few of the demo's images.
#include <sqlite3.h>

#include <map>
#include <nlohmann/json.hpp>

#include "run/database.h"
#include "run/store.h"
#include "run/support.h"

namespace qprompt::run {
namespace {

using namespace testing_support;

constexpr const char* kTiny =
    "shots = [2]\nseeds = [1, 2]\ndatasets = [\"garments\"]\n[options]\nepochs = 1\nbatch = 4\n";

int64_t count(const std::string& path, const std::string& sql) {
  Database database(path, Database::Mode::kReadOnly);
  Statement statement = database.prepare(sql);
  return statement.step() ? statement.integer(0) : -1;
}

std::map<std::string, std::vector<TestResult>> tests_by_method(const Experiment& e) {
  std::map<std::string, std::vector<TestResult>> out;
  for (const CellResult& cell : e.cells) {
    auto& tests = out[cell.method];
    tests.insert(tests.end(), cell.tests.begin(), cell.tests.end());
  }
  return out;
}

void write_sqlite(const std::string& path) {
  sqlite3* other = nullptr;
  ASSERT_EQ(sqlite3_open(path.c_str(), &other), SQLITE_OK);
  EXPECT_EQ(sqlite3_exec(other, "CREATE TABLE t(x)", nullptr, nullptr, nullptr), SQLITE_OK);
  sqlite3_close(other);
}

class RunnerTest : public ::testing::Test {
 protected:
  RunTotals run(const std::string& lines) {
    Log log;
    return run_recipe(request_of(write_recipe(folder_, lines), db()), log);
  }
  std::string db() const { return folder_ / "results.db"; }
  Experiment result() const { return read_results(db(), "", "").at(0); }
  TempFolder folder_;
};

TEST_F(RunnerTest, ASweepOpensTheImageTowerOnce) {
  const RunTotals totals =
      run(std::string("methods = [\"zero-shot\", \"coop\", \"qcoop\", \"coop-ptq\"]\n"
                      "bits = [1, 2]\n") +
          kTiny);
  EXPECT_EQ(totals.failed, 0);
  EXPECT_EQ(totals.done, 1 + 1 + 5 * 2);  // images, zero-shot, methods × seeds
  // 6 classes: 3 test images each; of the 3 base ones, the union of two draws of 2 of 4 images.
  const int64_t encoded = count(db(), "SELECT sum(encoded) FROM attempts");
  EXPECT_GE(encoded, 18 + 6);
  EXPECT_LE(encoded, 18 + 12);
  EXPECT_EQ(count(db(),
                  "SELECT sum(encoded) FROM attempts JOIN cells ON key = cell "
                  "WHERE kind <> 'images'"),
            0);
}

TEST_F(RunnerTest, EveryRunLeavesItsConfigurationDigestsAndVersions) {
  run(std::string("methods = [\"qcoop\"]\n") + kTiny);
  Database database(db(), Database::Mode::kReadOnly);
  Statement row = database.prepare(
      "SELECT configuration, record, prompt, prompt_digest, payload_bytes, fingerprint, "
      "data_digest, qprompt, torch, blas, threads FROM cells JOIN runs ON cell = key "
      "WHERE kind = 'prompt' ORDER BY seed");
  ASSERT_TRUE(row.step());
  const auto configuration = nlohmann::json::parse(row.text(0));
  EXPECT_EQ(configuration["training"]["options"]["epochs"], "1");
  EXPECT_EQ(configuration["training"]["seed"], 1);
  const auto record = nlohmann::json::parse(row.text(1));
  EXPECT_EQ(record["configuration"]["batch"], 4);
  EXPECT_EQ(record["runtime"]["threads"], 1);
  EXPECT_FALSE(record.contains("seconds"));
  EXPECT_TRUE(std::filesystem::exists(db() + ".runs/" + row.text(2)));
  for (const int column : {3, 5, 6}) EXPECT_EQ(row.text(column).size(), 32u);
  EXPECT_GT(row.integer(4), 0);
  for (const int column : {7, 8, 9}) EXPECT_FALSE(row.text(column).empty());
  EXPECT_EQ(row.integer(10), 1);
}

TEST_F(RunnerTest, WhatIsDoneIsNotDoneAgainAndAnotherRecipeSharesIt) {
  run(std::string("methods = [\"coop\"]\n") + kTiny);
  EXPECT_EQ(count(db(), "SELECT count(*) FROM attempts"), 3);
  run(std::string("methods = [\"coop\"]\n") + kTiny);
  EXPECT_EQ(count(db(), "SELECT count(*) FROM attempts"), 3);
  run(std::string("name = \"more\"\nmethods = [\"coop\", \"qcoop\"]\n") + kTiny);
  EXPECT_EQ(count(db(), "SELECT count(*) FROM attempts"), 3 + 2);
  EXPECT_EQ(read_results(db(), "", "").size(), 2u);
  EXPECT_EQ(read_results(db(), "more", "").at(0).cells.size(), 4u);
  EXPECT_THROW(read_results(db(), "absent", ""), Error);
}

TEST_F(RunnerTest, BaseToNewTrainsOnTheBaseHalfAndTestsBothFromTheFiles) {
  run(std::string("methods = [\"coop\"]\n") + kTiny);
  const Experiment e = result();
  const auto tests = tests_by_method(e).at("CoOp");
  ASSERT_EQ(tests.size(), 4u);
  EXPECT_EQ(tests[0].half, "base");
  EXPECT_EQ(tests[1].half, "new");
  EXPECT_EQ(tests[0].total, 9);
  EXPECT_NE(*tests[0].classes, *tests[1].classes);
  Log log;
  const Clip clip = Clip::load(demo_clip(), {});
  const Split split = load_split({folder_ / "garments", ""}, log);
  FeatureOptions features;
  features.cache = "none";
  const TestSet fresh = open_test_set(clip, split, Half::kNew, features, log);
  Database database(db(), Database::Mode::kReadOnly);
  Statement row = database.prepare(
      "SELECT prompt FROM runs JOIN cells ON key = cell "
      "WHERE kind = 'prompt' AND seed = 1");
  ASSERT_TRUE(row.step());
  const TrainedPrompt prompt = read_prompt(db() + ".runs/" + row.text(0));
  EXPECT_EQ(prompt.half, ClassSubset::kBase);
  EXPECT_EQ(score_prompt(clip, prompt, fresh).predictions, tests[1].predictions);
}

TEST_F(RunnerTest, AnImageThatBrokeBehindTheCacheIsNotScoredAsItsNeighbour) {
  write_recipe(folder_, "");
  Log log;
  const Clip clip = Clip::load(demo_clip(), {});
  const Split split = load_split({folder_ / "garments", ""}, log);
  FitOptions fit;
  fit.method = MethodOptions("vpt");
  fit.train.epochs = 1;
  fit.train.batch = 8;
  fit.features.cache = "none";
  const TrainedPrompt prompt = fit_prompt(clip, split, fit, log).prompt;
  FeatureOptions features;
  features.cache = folder_ / "kept";
  const TestSet first = open_test_set(clip, split, Half::kAll, features, log);
  EXPECT_EQ(score_prompt(clip, prompt, first).total, 18);
  const std::filesystem::path image =
      std::filesystem::path(split.image_root) / split.test.front().path;
  const auto time = std::filesystem::last_write_time(image);
  write_all(image.string(), std::string(std::filesystem::file_size(image), '\0'));
  std::filesystem::last_write_time(image, time);
  const TestSet again = open_test_set(clip, split, Half::kAll, features, log);  // all cached
  ASSERT_EQ(again.features.kept.size(), 18u);
  EXPECT_THROW(score_prompt(clip, prompt, again), Error);
}

TEST_F(RunnerTest, FewShotTestsAllClassesForEveryNumberOfShots) {
  run("protocol = \"few-shot\"\nmethods = [\"zero-shot\", \"coop\"]\nshots = [1, 4]\nseeds = [3]\n"
      "datasets = [\"garments\", \"others\"]\n[options]\nepochs = 1\nbatch = 4\n[shot.4]\nepochs = "
      "2");
  const Experiment e = result();
  ASSERT_EQ(e.cells.size(), 2u * (1 + 2));
  const std::vector<PaperTable> tables = paper_tables(e);
  ASSERT_EQ(tables.size(), 3u);
  EXPECT_EQ(tables[0].columns, (std::vector<std::string>{"1 shot", "4 shots"}));
  for (const PaperRow& row : tables[0].rows) {
    for (const Measure& m : row.measures) EXPECT_TRUE(m.mean.has_value()) << row.method;
  }
  for (const CellResult& cell : e.cells) EXPECT_EQ(cell.tests.at(0).half, "all");
}

TEST_F(RunnerTest, TransfersTrainOnTheSourceAndTestAllClassesOfEverySet) {
  for (const char* protocol : {"cross-dataset", "domain"}) {
    run(cat(
        "name = \"", protocol, "\"\nprotocol = \"", protocol,
        "\"\nmethods = [\"zero-shot\", \"qcoop\"]\nshots = [2]\nseeds = [1]\n"
        "source = [\"garments\"]\ndatasets = [\"others\"]\n[options]\nepochs = 1\nbatch = 4\n"));
    const Experiment e = read_results(db(), protocol, "").at(0);
    ASSERT_EQ(e.cells.size(), 2u);
    ASSERT_EQ(e.cells[1].tests.size(), 2u);
    EXPECT_EQ(e.cells[1].dataset, "garments");
    EXPECT_EQ(e.cells[1].tests[0].classes->size(), 6u);
    EXPECT_EQ(e.cells[1].tests[1].dataset, "others");
    EXPECT_EQ(e.cells[1].tests[1].classes->size(), 4u);  // the target's own classes only
    EXPECT_EQ(e.cells[1].tests[1].total, 12);
  }
  EXPECT_EQ(count(db(), "SELECT count(*) FROM runs WHERE prompt <> ''"), 2);
  EXPECT_EQ(count(db(), "SELECT count(DISTINCT prompt) FROM runs WHERE prompt <> ''"), 1)
      << "both protocols score one prompt";
}

TEST_F(RunnerTest, AFailedCellIsRecordedAndTheOthersGoOn) {
  const std::string lines =
      "methods = [\"coop\"]\nshots = [2]\nseeds = [1]\ndatasets = [\"garments\", \"others\"]\n"
      "[options]\nepochs = 1\nbatch = 4\n";
  const std::string recipe = write_recipe(folder_, lines);
  std::filesystem::rename(folder_ / "garments", folder_ / "away");
  RunRequest request = request_of(recipe, db());
  Log log;
  const RunTotals totals = run_recipe(request, log);
  EXPECT_EQ(totals.planned, 4);
  EXPECT_EQ(totals.done, 2);
  EXPECT_EQ(totals.failed, 2);
  ASSERT_EQ(totals.failures.size(), 2u);
  EXPECT_NE(totals.failures[1].find("garments"), std::string::npos);
  EXPECT_EQ(result().cells.size(), 1u);

  std::filesystem::rename(folder_ / "away", folder_ / "garments");
  EXPECT_EQ(run_recipe(request, log).failed, 2);  // they stay failed until asked for
  request.retry = true;
  EXPECT_EQ(run_recipe(request, log).done, 4);
}

TEST_F(RunnerTest, AClaimOfADeadProcessIsTakenOverAndOneOfALivingIsNot) {
  const std::string recipe = write_recipe(folder_, std::string("methods = [\"coop\"]\n") + kTiny);
  Log log;
  const std::string lives = folder_ / "lives";
  Database database(db(), Database::Mode::kCreate);
  {
    const Recipe read = read_recipe(request_of(recipe, db()));
    register_plan(database, make_plan(read, request_of(recipe, db()), "f"), false);
  }
  auto other = std::make_unique<LifeSign>(lives);
  const LifeSign mine(lives);
  const Identity dead{lives, other->name(), "a"}, self{lives, mine.name(), "b"};
  const auto theirs = claim_cell(database, "recipe", dead);
  ASSERT_TRUE(theirs.has_value());
  EXPECT_FALSE(claim_cell(database, "recipe", self).has_value()) << "the images come first";
  other.reset();
  const auto taken = claim_cell(database, "recipe", self);
  ASSERT_TRUE(taken.has_value());
  EXPECT_EQ(taken->key, theirs->key);
  // The late word of the one that was taken for dead changes nothing.
  fail_cell(database, *theirs, "too late", {});
  EXPECT_EQ(progress_of(database, "recipe").failed, 0);
}

TEST_F(RunnerTest, ACellThatKillsItsProcessTwiceIsGivenUp) {
  const std::string recipe = write_recipe(folder_, std::string("methods = [\"coop\"]\n") + kTiny);
  const std::string lives = folder_ / "lives";
  Database database(db(), Database::Mode::kCreate);
  const Recipe read = read_recipe(request_of(recipe, db()));
  register_plan(database, make_plan(read, request_of(recipe, db()), "f"), false);
  std::string first;
  for (int death = 0; death < 2; ++death) {
    const LifeSign life(lives);
    first = claim_cell(database, "recipe", {lives, life.name(), "one command"})->key;
  }
  const LifeSign life(lives);
  const auto next = claim_cell(database, "recipe", {lives, life.name(), "one command"});
  ASSERT_TRUE(next.has_value());
  EXPECT_NE(next->key, first);
  EXPECT_EQ(failures_of(database, "recipe").size(), 1u);
}

TEST_F(RunnerTest, ADryRunListsTheCellsWithTheirCostAndWritesNothing) {
  const std::string recipe =
      write_recipe(folder_, std::string("methods = [\"zero-shot\", \"qcoop\"]\n") + kTiny);
  Log log;
  const std::vector<PlannedCell> cells = plan_run(request_of(recipe, db()), log);
  ASSERT_EQ(cells.size(), 4u);
  EXPECT_GE(cells[0].encode, 18 + 6);
  EXPECT_EQ(cells[2].steps, 1);  // 3 classes × 2 images in batches of 4, the rest dropped
  for (const PlannedCell& cell : cells) {
    EXPECT_EQ(cell.state, "waiting");
    EXPECT_GT(cell.seconds, 0);
  }
  EXPECT_FALSE(std::filesystem::exists(db()));
}

TEST_F(RunnerTest, FilesThatAreNoDatabaseOfQpromptAreRefused) {
  write_all(folder_ / "text", std::string(4096, 'x'));
  EXPECT_THROW(read_results(folder_ / "text", "", ""), Error);
  EXPECT_THROW(read_results(folder_ / "absent", "", ""), Error);
  write_sqlite(folder_ / "other.db");
  try {
    read_results(folder_ / "other.db", "", "");
    FAIL();
  } catch (const Error& e) {
    EXPECT_EQ(e.kind(), ErrorKind::kContent) << e.what();
  }
}

TEST_F(RunnerTest, DamagedResultsAreRefused) {
  run(std::string("methods = [\"coop\"]\n") + kTiny);
  for (const char* damage :
       {"UPDATE scores SET correct = correct + 1", "UPDATE scores SET predictions = x'ffff'",
        "UPDATE test_lists SET classes = '[1'", "DELETE FROM test_lists",
        "UPDATE experiments SET protocol = 'x'"}) {
    const std::string copy = folder_ / "copy.db";
    std::filesystem::copy_file(db(), copy, std::filesystem::copy_options::overwrite_existing);
    Database(copy, Database::Mode::kCreate).run(damage);
    try {
      read_results(copy, "", "");
      ADD_FAILURE() << damage;
    } catch (const Error& e) {
      EXPECT_EQ(e.kind(), ErrorKind::kContent) << damage << ": " << e.what();
    }
  }
}

}  // namespace
}  // namespace qprompt::run
