// Whole recipes over a few of the demo's images.
#include <sqlite3.h>

#include <map>
#include <nlohmann/json.hpp>

#include "experiment/impl/database.h"
#include "experiment/support.h"
#include "report/paper.h"

namespace qprompt {
namespace {

using namespace testing_support;

constexpr const char* kTiny =
    "shots = [2]\nseeds = [1, 2]\ndatasets = [\"garments\"]\n[options]\nepochs = 1\nbatch = 4\n";

int64_t count(const std::string& path, const std::string& sql) {
  Database database(path, StoreMode::kReadOnly);
  Statement statement = database.prepare(sql);
  return statement.step() ? statement.integer(0) : -1;
}

void write_sqlite(const std::string& path) {
  sqlite3* other = nullptr;
  ASSERT_EQ(sqlite3_open(path.c_str(), &other), SQLITE_OK);
  EXPECT_EQ(sqlite3_exec(other, "CREATE TABLE t(x)", nullptr, nullptr, nullptr), SQLITE_OK);
  sqlite3_close(other);
}

class RunnerTest : public ::testing::Test {
 protected:
  Results run(const std::string& lines, bool retry = false) {
    const auto store = sqlite_store(db(), StoreMode::kCreate);
    return run_recipe(request_of(write_recipe(folder_, lines)), *store, retry);
  }
  std::string db() const { return folder_ / "results.db"; }
  Experiment result() const { return read_results(db(), "", "").at(0); }
  TempFolder folder_;
  Log log_;
};

TEST_F(RunnerTest, ASweepOpensTheImageTowerOnce) {
  const Results results =
      run(std::string("methods = [\"zero-shot\", \"coop\", \"qcoop\", \"coop-ptq\"]\n"
                      "bits = [1, 2]\n") +
          kTiny);
  EXPECT_EQ(results.failures(), std::vector<std::string>());
  EXPECT_EQ(results.count(CellState::kDone), 1 + 1 + 5 * 2);  // images, zero-shot, methods × seeds
  EXPECT_EQ(results.planned(), 1 + 5 * 2);
  // 6 classes: 3 test images each; of the 3 base ones, the union of two draws of 2 of 4 images.
  const int64_t encoded = count(db(), "SELECT sum(encoded) FROM attempts");
  EXPECT_GE(encoded, 18 + 6);
  EXPECT_LE(encoded, 18 + 12);
  EXPECT_EQ(count(db(),
                  "SELECT sum(encoded) FROM attempts a JOIN cells c ON c.training = a.training "
                  "WHERE kind <> 'images'"),
            0);
}

TEST_F(RunnerTest, EveryTrainingLeavesItsConfigurationItsRecordAndItsPrompt) {
  run(std::string("methods = [\"qcoop\"]\n") + kTiny);
  Database database(db(), StoreMode::kReadOnly);
  Statement row = database.prepare(
      "SELECT configuration, t.id, prompt_digest, payload_bytes, machine FROM cells c JOIN "
      "trainings t ON t.id = c.training JOIN circumstances m ON m.training = t.id "
      "WHERE kind = 'prompt' ORDER BY seed");
  ASSERT_TRUE(row.step());
  for (const char* line : {"\nepochs=1\n", "\nseed=1\n", "\nshots=2\n", "\nmethod=coop\n"}) {
    EXPECT_NE(row.text(0).find(line), std::string::npos) << line << row.text(0);
  }
  EXPECT_EQ(row.text(0).find(folder_.path()), std::string::npos) << "a path in an identity";
  EXPECT_EQ(row.text(2).size(), 32u);
  EXPECT_GT(row.integer(3), 0);
  const auto machine = nlohmann::json::parse(row.text(4));
  EXPECT_EQ(machine["threads"], 1);
  for (const char* key : {"qprompt", "torch", "blas", "product"}) {
    EXPECT_FALSE(machine[key].get<std::string>().empty()) << key;
  }
  const auto store = sqlite_store(db(), StoreMode::kReadOnly);
  const auto record = nlohmann::json::parse(store->get(record_id(row.text(1))));
  EXPECT_EQ(record["configuration"]["batch"], 4);
  EXPECT_EQ(decode_prompt(store->get(prompt_id(row.text(1))), "the prompt").seed, 1u);
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

TEST_F(RunnerTest, AnotherFolderOfTheSameImagesIsTheSameTrainingAndOneOfOthersIsNot) {
  const std::string lines = std::string("methods = [\"coop\"]\n") + kTiny;
  run(lines);
  const auto copy = [&](const char* name) {
    std::filesystem::create_directories(folder_ / name);
    std::filesystem::copy(folder_ / "garments", folder_ / (std::string(name) + "/garments"),
                          std::filesystem::copy_options::recursive);
    return folder_ / (std::string(name) + "/garments");
  };
  RecipeRequest request = request_of(write_recipe(folder_, "name = \"copy\"\n" + lines));
  const auto store = sqlite_store(db(), StoreMode::kCreate);
  request.folders["garments"] = copy("same");
  run_recipe(request, *store);
  EXPECT_EQ(count(db(), "SELECT count(*) FROM trainings WHERE prompt_digest <> ''"), 2);
  request.folders["garments"] = copy("other");
  const Split split = load_split({request.folders["garments"], ""}, log_);
  std::filesystem::copy_file(split.image_root + "/" + split.train.at(0).path,
                             split.image_root + "/" + split.train.at(1).path,
                             std::filesystem::copy_options::overwrite_existing);
  std::filesystem::copy_file(split.image_root + "/" + split.train.at(0).path,
                             split.image_root + "/" + split.train.at(2).path,
                             std::filesystem::copy_options::overwrite_existing);
  std::filesystem::copy_file(split.image_root + "/" + split.train.at(0).path,
                             split.image_root + "/" + split.train.at(3).path,
                             std::filesystem::copy_options::overwrite_existing);
  run_recipe(request, *store);
  EXPECT_GT(count(db(), "SELECT count(*) FROM trainings WHERE prompt_digest <> ''"), 2);
}

TEST_F(RunnerTest, BaseToNewTrainsOnTheBaseHalfAndTestsBothFromTheFiles) {
  const Results results = run(std::string("methods = [\"coop\"]\n") + kTiny);
  const CellOutcome& cell = results.cells.at(0);
  ASSERT_EQ(cell.scores.size(), 3u);
  EXPECT_EQ(cell.scores[2].half, "all");
  EXPECT_EQ(cell.scores[0].half, "base");
  EXPECT_EQ(cell.scores[1].half, "new");
  EXPECT_EQ(cell.scores[0].total, 9);
  EXPECT_NE(*cell.scores[0].classes, *cell.scores[1].classes);
  const Clip clip = Clip::load(demo_clip(), {});
  const Split split = load_split({folder_ / "garments", ""}, log_);
  FeatureOptions features;
  features.cache = "none";
  const TestSet fresh = open_test_set(clip, split, Half::kNew, features, log_);
  const auto store = sqlite_store(db(), StoreMode::kReadOnly);
  const TrainedPrompt prompt = decode_prompt(store->get(prompt_id(cell.training)), "the prompt");
  EXPECT_EQ(prompt.half, ClassSubset::kBase);
  const Score score = score_prompt(clip, prompt, fresh);
  EXPECT_EQ(score.predictions, cell.scores[1].predictions);
  EXPECT_EQ(score.confidences, cell.scores[1].confidences);
}

TEST_F(RunnerTest, ACellThatIsWatchedKeepsItsCurveAndItsWeights) {
  write_recipe(folder_, "");
  const Split split = load_split({folder_ / "garments", ""}, log_);
  Matrix matrix;
  FitOptions fit;
  fit.train.epochs = 3;
  fit.train.batch = 4;
  matrix = base_to_new(split, {"qcoop"}, 2, fit);
  matrix.shots = {2};
  matrix.seeds = {1};
  /// The matrix's cells, watched.
  struct Watching : Planner {
    std::unique_ptr<Planner> inner;
    Heading heading() const override { return inner->heading(); }
    std::vector<Cell> next(const Results& results) override {
      std::vector<Cell> cells = inner->next(results);
      for (Cell& cell : cells) {
        if (cell.kind == CellKind::kPrompt) cell.watch = {{0, 1, 3}, true, true};
      }
      return cells;
    }
  };
  const Clip clip = Clip::load(demo_clip(), {});
  const auto store = memory_store();
  LogObserver observer(log_);
  RunOptions options;
  options.scratch = folder_ / "work";
  options.features.cache = folder_ / "cache";
  const auto plain = matrix_planner(matrix, log_);
  const Results unwatched = qprompt::run(clip, *plain, *store, options, observer);
  Watching watching;
  watching.inner = matrix_planner(matrix, log_);
  const Results watched = qprompt::run(clip, watching, *store, options, observer);
  const CellOutcome& cell = watched.cells.at(1);
  EXPECT_EQ(cell.training, unwatched.cells.at(1).training);
  EXPECT_EQ(cell.prompt_digest, unwatched.cells.at(1).prompt_digest);
  ASSERT_EQ(cell.watched.size(), 3u * cell.scores.size());
  EXPECT_EQ(cell.watched.front().epoch, 0);
  EXPECT_EQ(cell.watched.back().epoch, 3);
  EXPECT_EQ(cell.watched.back().predictions, cell.scores.back().predictions);
  const TrainedPrompt start = decode_prompt(store->get(weights_id(cell.training, 0)), "start");
  const TrainedPrompt end = decode_prompt(store->get(weights_id(cell.training, 3)), "end");
  EXPECT_EQ(start.tensors.at(0).bits, 32);
  EXPECT_NE(start.tensors.at(0).plain, end.tensors.at(0).plain);
  EXPECT_EQ(store->get(cell.training + "/epoch-1"), "") << "kept for nobody";
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
  const TestSet again = open_test_set(clip, split, Half::kAll, features, log);
  EXPECT_EQ(again.features.kept.size(), 17u) << "a changed file is noticed, size and time or not";
  EXPECT_EQ(score_prompt(clip, prompt, again).total, 17);
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
  for (const CellOutcome& cell : e.cells) EXPECT_EQ(cell.scores.at(0).half, "all");
}

TEST_F(RunnerTest, TransfersTrainOnTheSourceAndTestAllClassesOfEverySet) {
  for (const char* protocol : {"cross-dataset", "domain"}) {
    run(cat(
        "name = \"", protocol, "\"\nprotocol = \"", protocol,
        "\"\nmethods = [\"zero-shot\", \"qcoop\"]\nshots = [2]\nseeds = [1]\n"
        "source = [\"garments\"]\ndatasets = [\"others\"]\n[options]\nepochs = 1\nbatch = 4\n"));
    const Experiment e = read_results(db(), protocol, "").at(0);
    ASSERT_EQ(e.cells.size(), 2u);
    ASSERT_EQ(e.cells[1].scores.size(), 2u);
    EXPECT_EQ(e.cells[1].dataset, "garments");
    EXPECT_EQ(e.cells[1].scores[0].classes->size(), 6u);
    EXPECT_EQ(e.cells[1].scores[1].dataset, "others");
    EXPECT_EQ(e.cells[1].scores[1].classes->size(), 4u);  // the target's own classes only
    EXPECT_EQ(e.cells[1].scores[1].total, 12);
  }
  EXPECT_EQ(count(db(), "SELECT count(*) FROM trainings WHERE prompt_digest <> ''"), 1)
      << "both protocols score one prompt";
}

TEST_F(RunnerTest, ASetThatCannotBeReadFailsItsOwnLineAndTheOthersGoOn) {
  const std::string lines =
      "methods = [\"coop\"]\nshots = [2]\nseeds = [1]\ndatasets = [\"garments\", \"others\"]\n"
      "[options]\nepochs = 1\nbatch = 4\n";
  write_recipe(folder_, lines);
  std::filesystem::rename(folder_ / "garments", folder_ / "away");
  std::filesystem::create_directory(folder_ / "garments");
  const Results results = run(lines);
  EXPECT_EQ(results.planned(), 2);
  EXPECT_EQ(results.count(CellState::kFailed), 1);
  ASSERT_EQ(results.failures().size(), 1u);
  EXPECT_NE(results.failures()[0].find("CoOp, garments, 2 shots, seed 1"), std::string::npos);
  EXPECT_EQ(result().cells.size(), 1u);
  std::filesystem::remove(folder_ / "garments");
  std::filesystem::rename(folder_ / "away", folder_ / "garments");
  EXPECT_EQ(run(lines).count(CellState::kFailed), 0) << "it is another cell now that it is read";
}

TEST_F(RunnerTest, AnImageThatCannotBeReadFailsTheCellsThatLearnFromIt) {
  const std::string lines = std::string("methods = [\"coop\"]\n") + kTiny;
  write_recipe(folder_, lines);
  const Split split = load_split({folder_ / "garments", ""}, log_);
  for (const Item& item : split.train) {
    if (item.label == 0) write_all(split.image_root + "/" + item.path, "no image");
  }
  EXPECT_EQ(run(lines).count(CellState::kFailed), 2);
  EXPECT_EQ(run(lines).count(CellState::kFailed), 2) << "they stay failed until asked for";
  EXPECT_EQ(count(db(), "SELECT count(*) FROM attempts WHERE outcome = 'failed'"), 2);
  EXPECT_EQ(run(lines, true).count(CellState::kFailed), 2);
  EXPECT_EQ(count(db(), "SELECT count(*) FROM attempts WHERE outcome = 'failed'"), 4);
}

TEST_F(RunnerTest, ADryRunListsTheCellsWithTheirCostAndWritesNothing) {
  const RecipeRequest request = request_of(
      write_recipe(folder_, std::string("methods = [\"zero-shot\", \"qcoop\"]\n") + kTiny));
  const Recipe recipe = read_recipe(request);
  const Clip clip = Clip::load(demo_clip(), {});
  LogObserver observer(log_);
  RunOptions options;
  options.features = features_of(recipe);
  const auto planner = matrix_planner(matrix_of(recipe), log_);
  const std::vector<PlannedCell> cells = estimate(clip, *planner, nullptr, options, observer);
  ASSERT_EQ(cells.size(), 4u);
  EXPECT_GE(cells[3].encode, 18 + 6);
  EXPECT_EQ(cells[1].steps, 1);  // 3 classes × 2 images in batches of 4, the rest dropped
  for (const PlannedCell& cell : cells) {
    EXPECT_EQ(cell.state, "waiting");
    EXPECT_GT(cell.seconds, 0) << cell.name;
  }
  EXPECT_FALSE(std::filesystem::exists(folder_ / "cache/features")) << "digests alone are kept";
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

TEST_F(RunnerTest, ADatabaseOfTheFirstSchemaIsRefusedByNameWithWhatToUseInstead) {
  write_sqlite(folder_ / "old.db");
  sqlite3* old = nullptr;
  ASSERT_EQ(sqlite3_open((folder_ / "old.db").c_str(), &old), SQLITE_OK);
  sqlite3_exec(old, "PRAGMA application_id = 1364218452; PRAGMA user_version = 1", nullptr, nullptr,
               nullptr);
  sqlite3_close(old);
  try {
    sqlite_store(folder_ / "old.db", StoreMode::kCreate);
    FAIL();
  } catch (const Error& e) {
    EXPECT_EQ(e.kind(), ErrorKind::kContent);
    for (const char* part : {"old.db", "schema 1", "version 0.1", "--db FILE"}) {
      EXPECT_NE(std::string(e.what()).find(part), std::string::npos) << e.what();
    }
  }
}

TEST_F(RunnerTest, DamagedResultsAreRefused) {
  run(std::string("methods = [\"coop\"]\n") + kTiny);
  for (const char* damage :
       {"UPDATE scores SET correct = correct + 1", "UPDATE scores SET predictions = x'ffff'",
        "UPDATE test_lists SET classes = '[1'", "DELETE FROM test_lists",
        "UPDATE experiments SET protocol = 'x'", "UPDATE scores SET confidences = x'ff'",
        "DELETE FROM cells WHERE ordinal = 0"}) {
    const std::string copy = folder_ / "copy.db";
    std::filesystem::copy_file(db(), copy, std::filesystem::copy_options::overwrite_existing);
    Database(copy, StoreMode::kCreate).run(damage);
    try {
      read_results(copy, "", "");
      ADD_FAILURE() << damage;
    } catch (const Error& e) {
      EXPECT_EQ(e.kind(), ErrorKind::kContent) << damage << ": " << e.what();
    }
  }
}

}  // namespace
}  // namespace qprompt
