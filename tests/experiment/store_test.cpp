// What every store does: one suite for SQLite's and the one in memory.
#include <gtest/gtest.h>

#include <atomic>
#include <thread>

#include "experiment/store.h"
#include "support/run.h"

namespace qprompt {
namespace {

using namespace testing_support;

/// Makes stores on a clock that the test sets.
struct InMemory {
  static std::unique_ptr<Store> make(const TempFolder&, StoreClock clock) {
    return memory_store(std::move(clock));
  }
};
struct InSqlite {
  static std::unique_ptr<Store> make(const TempFolder& folder, StoreClock clock) {
    return sqlite_store(folder / "store.db", StoreMode::kCreate, std::move(clock));
  }
};

Entry prompt_entry(const std::string& training, uint64_t seed) {
  Entry entry;
  entry.kind = "prompt";
  entry.label = "CoOp";
  entry.dataset = "pets";
  entry.shots = 16;
  entry.seed = seed;
  entry.training = training;
  entry.scores = {{training + "-base", "pets", "base"}, {training + "-new", "pets", "new"}};
  entry.blobs = {training + "/prompt"};
  return entry;
}

ScoredList scored(std::vector<int64_t> predictions) {
  ScoredList list;
  list.classes = std::make_shared<const std::vector<std::string>>(
      std::vector<std::string>{"cat", "dog", "Zoë's \"pet\""});
  list.truth = std::make_shared<const std::vector<int64_t>>(std::vector<int64_t>{0, 1, 2, 2});
  list.total = 4;
  list.failed = 1;
  for (size_t i = 0; i < predictions.size(); ++i) {
    list.correct += predictions[i] == (*list.truth)[i];
  }
  list.predictions = std::move(predictions);
  list.confidences = {0.5F, 0.25F, 0.75F, 1.0F};
  return list;
}

Outcome outcome_of(const std::string& training) {
  Outcome outcome;
  outcome.prompt_digest = "d" + training;
  outcome.payload_bytes = 260;
  outcome.file_bytes = 380;
  outcome.seconds = 1.5;
  outcome.scores = {{training + "-base", scored({0, 1, 2, 2})},
                    {training + "-new", scored({0, 1, 1, 2})}};
  return outcome;
}

template <class Kind>
class StoreTest : public ::testing::Test {
 protected:
  static constexpr double kLease = 100;

  void plan(std::vector<Entry> cells, bool retry = false) {
    heading_.name = "e";
    heading_.title = "An experiment";
    heading_.protocol = Protocol::kFewShot;
    heading_.methods = {"CoOp"};
    heading_.datasets = {"pets"};
    heading_.shots = {16};
    heading_.published = "source = \"x\"";
    store_->plan(heading_, cells, retry);
  }
  std::optional<Claim> claim(const Worker& worker) { return store_->claim("e", worker, kLease); }
  Results results() const { return store_->results("e", Detail::kAll); }
  CellState state(size_t cell) const { return results().cells.at(cell).state; }
  void finish(const Claim& claim) {
    store_->put(claim.training + "/prompt", "bytes of " + claim.training);
    store_->finish(claim, outcome_of(claim.training));
  }
  /// A worker of another machine, which nobody here can look up.
  static Worker elsewhere(const std::string& invocation) {
    return {"another boot", "far", 1, 1, invocation};
  }

  TempFolder folder_;
  double now_ = 1000;
  Heading heading_;
  std::unique_ptr<Store> store_ = Kind::make(folder_, [this] { return now_; });
};

using Kinds = ::testing::Types<InMemory, InSqlite>;
TYPED_TEST_SUITE(StoreTest, Kinds);

TYPED_TEST(StoreTest, APlanIsReadBackAsItWasEntered) {
  this->plan({prompt_entry("a", 1), prompt_entry("b", 2)});
  const Results results = this->results();
  EXPECT_EQ(results.heading.title, "An experiment");
  EXPECT_EQ(results.heading.protocol, Protocol::kFewShot);
  EXPECT_EQ(results.heading.methods, this->heading_.methods);
  EXPECT_EQ(results.heading.shots, this->heading_.shots);
  EXPECT_EQ(results.heading.published, this->heading_.published);
  ASSERT_EQ(results.cells.size(), 2u);
  EXPECT_EQ(results.cells[1].seed, 2u);
  EXPECT_EQ(results.cells[1].training, "b");
  EXPECT_EQ(results.cells[0].state, CellState::kWaiting);
  EXPECT_EQ(this->store_->get("experiments"), "e\n");
  EXPECT_THROW(this->store_->results("absent", Detail::kAll), Error);
}

TYPED_TEST(StoreTest, AnOutcomeIsReadBackWithEveryPredictionAndItsConfidence) {
  this->plan({prompt_entry("a", 1)});
  this->finish(this->claim(Worker::self("x")).value());
  const Results results = this->results();
  const CellOutcome& cell = results.cells[0];
  EXPECT_EQ(cell.state, CellState::kDone);
  EXPECT_EQ(cell.payload_bytes, 260);
  EXPECT_EQ(cell.prompt_digest, "da");
  EXPECT_DOUBLE_EQ(cell.seconds, 1.5);
  ASSERT_EQ(cell.scores.size(), 2u);
  EXPECT_EQ(cell.scores[0].half, "base");
  EXPECT_EQ(cell.scores[1].half, "new");
  EXPECT_EQ(cell.scores[1].predictions, (std::vector<int64_t>{0, 1, 1, 2}));
  EXPECT_EQ(cell.scores[1].confidences, (std::vector<float>{0.5F, 0.25F, 0.75F, 1.0F}));
  EXPECT_EQ(cell.scores[1].classes->at(2), "Zoë's \"pet\"");
  EXPECT_EQ(cell.scores[1].failed, 1);
  EXPECT_DOUBLE_EQ(cell.scores[1].accuracy(), 75);
  EXPECT_TRUE(this->store_->results("e", Detail::kStates).cells[0].scores.empty());
}

TYPED_TEST(StoreTest, ATrainingIsHeldByOneAtATime) {
  this->plan({prompt_entry("a", 1), prompt_entry("b", 2)});
  const Worker self = Worker::self("x");
  const auto first = this->claim(self), second = this->claim(self);
  ASSERT_TRUE(first && second);
  EXPECT_EQ(first->training, "a");
  EXPECT_EQ(second->training, "b");
  EXPECT_FALSE(this->claim(self).has_value());
  EXPECT_EQ(this->state(0), CellState::kRunning);
}

TYPED_TEST(StoreTest, TwoExperimentsThatAskForOneTrainingShareIt) {
  this->plan({prompt_entry("a", 1)});
  Heading other;
  other.name = "other";
  Entry same = prompt_entry("a", 1);
  same.label = "another label";
  same.dataset = "another name";
  this->store_->plan(other, std::vector<Entry>{same}, false);
  const auto claim = this->claim(Worker::self("x"));
  ASSERT_TRUE(claim.has_value());
  EXPECT_FALSE(this->store_->claim("other", Worker::self("y"), 100).has_value()) << "held by e";
  this->finish(*claim);
  EXPECT_FALSE(this->store_->claim("other", Worker::self("y"), 100).has_value()) << "done by e";
  const Results results = this->store_->results("other", Detail::kAll);
  EXPECT_EQ(results.cells[0].state, CellState::kDone);
  EXPECT_EQ(results.cells[0].label, "another label");
  EXPECT_EQ(results.cells[0].scores.size(), 2u);
}

TYPED_TEST(StoreTest, ACellThatWantsMoreOfAFinishedTrainingIsHandedOut) {
  this->plan({prompt_entry("a", 1)});
  this->finish(this->claim(Worker::self("x")).value());
  Entry more = prompt_entry("a", 1);
  more.scores.push_back({"a-all", "pets", "all"});
  this->plan({more});
  EXPECT_EQ(this->state(0), CellState::kWaiting);
  const auto claim = this->claim(Worker::self("x"));
  ASSERT_TRUE(claim.has_value());
  Outcome outcome = outcome_of("a");
  outcome.scores.push_back({"a-all", scored({2, 2, 2, 2})});
  this->store_->finish(*claim, outcome);
  EXPECT_EQ(this->results().cells[0].scores.size(), 3u);
}

TYPED_TEST(StoreTest, WhatIsDoneStaysDoneWhenItIsPlannedAgain) {
  this->plan({prompt_entry("a", 1)});
  this->finish(this->claim(Worker::self("x")).value());
  this->plan({prompt_entry("b", 2), prompt_entry("a", 1)});
  EXPECT_EQ(this->state(0), CellState::kWaiting);
  EXPECT_EQ(this->state(1), CellState::kDone);
}

TYPED_TEST(StoreTest, ALeaseThatRanOutIsTakenOverAndItsHolderFencedOff) {
  this->plan({prompt_entry("a", 1)});
  const auto slow = this->claim(this->elsewhere("x"));
  ASSERT_TRUE(slow.has_value());
  this->now_ += 99;
  EXPECT_TRUE(this->store_->renew(*slow, 100));
  this->now_ += 99;
  EXPECT_FALSE(this->claim(Worker::self("y")).has_value()) << "it was renewed";
  this->now_ += 2;
  EXPECT_FALSE(this->store_->renew(*slow, 100));
  const auto next = this->claim(Worker::self("y"));
  ASSERT_TRUE(next.has_value());
  // The late words of the one that was taken for dead change nothing.
  this->store_->fail(*slow, "too late");
  this->store_->release(*slow);
  EXPECT_EQ(this->state(0), CellState::kRunning);
  this->store_->finish(*slow, outcome_of("a"));
  EXPECT_EQ(this->state(0), CellState::kRunning);
  this->finish(*next);
  EXPECT_EQ(this->state(0), CellState::kDone);
}

TYPED_TEST(StoreTest, ADeadOwnerOnThisHostIsSeenAtOnce) {
  this->plan({prompt_entry("a", 1)});
  Worker dead = Worker::self("x");
  dead.pid_started -= 1;  // the number was somebody else's before
  if (dead.host.empty()) GTEST_SKIP() << "processes cannot be looked up here";
  ASSERT_TRUE(this->claim(dead).has_value());
  EXPECT_TRUE(this->claim(Worker::self("y")).has_value());
}

TYPED_TEST(StoreTest, ALivingOwnerKeepsItsClaim) {
  this->plan({prompt_entry("a", 1)});
  ASSERT_TRUE(this->claim(Worker::self("x")).has_value());
  EXPECT_FALSE(this->claim(Worker::self("y")).has_value());
}

TYPED_TEST(StoreTest, ATrainingThatKillsItsProcessTwiceIsGivenUp) {
  this->plan({prompt_entry("a", 1), prompt_entry("b", 2)});
  for (int death = 0; death < 2; ++death) {
    ASSERT_EQ(this->claim(this->elsewhere("one command")).value().training, "a");
    this->now_ += 101;
  }
  EXPECT_EQ(this->claim(this->elsewhere("one command")).value().training, "b");
  EXPECT_EQ(this->state(0), CellState::kFailed);
  EXPECT_EQ(this->results().failures().size(), 1u);
}

TYPED_TEST(StoreTest, WhatIsHandedBackIsHandedOutAgain) {
  this->plan({prompt_entry("a", 1)});
  for (int i = 0; i < 3; ++i) {
    const auto claim = this->claim(Worker::self("x"));
    ASSERT_TRUE(claim.has_value());
    this->store_->release(*claim);
  }
}

TYPED_TEST(StoreTest, AFailureStaysUntilItIsToBeTriedAgain) {
  this->plan({prompt_entry("a", 1), prompt_entry("b", 2)});
  this->store_->fail(this->claim(Worker::self("x")).value(), "no such image");
  EXPECT_EQ(this->state(0), CellState::kFailed);
  this->plan({prompt_entry("a", 1), prompt_entry("b", 2)});
  EXPECT_EQ(this->results().failures(),
            (std::vector<std::string>{"CoOp, pets, 16 shots, seed 1: no such image"}));
  EXPECT_EQ(this->claim(Worker::self("x")).value().training, "b");
  this->plan({prompt_entry("a", 1), prompt_entry("b", 2)}, true);
  EXPECT_EQ(this->claim(Worker::self("x")).value().training, "a");
}

TYPED_TEST(StoreTest, WhatCannotBePlannedIsAFailureOfItsOwn) {
  Entry broken = prompt_entry("a", 1);
  broken.error = "no such folder";
  this->plan({broken, prompt_entry("b", 2)});
  EXPECT_EQ(this->state(0), CellState::kFailed);
  EXPECT_EQ(this->claim(Worker::self("x")).value().training, "b");
  this->plan({prompt_entry("a", 1), prompt_entry("b", 2)});
  EXPECT_EQ(this->state(0), CellState::kFailed) << "the same cell stays failed";
  this->plan({prompt_entry("a", 1), prompt_entry("b", 2)}, true);
  EXPECT_EQ(this->state(0), CellState::kWaiting);
}

TYPED_TEST(StoreTest, WhatMustComeFirstComesFirst) {
  Entry images;
  images.kind = "images";
  images.training = "i";
  Entry cell = prompt_entry("a", 1);
  cell.after = {"i"};
  this->plan({cell, images});
  const auto first = this->claim(Worker::self("x"));
  ASSERT_TRUE(first.has_value());
  EXPECT_EQ(first->training, "i");
  EXPECT_FALSE(this->claim(Worker::self("x")).has_value());
  this->store_->fail(*first, "no room");  // the cell then does without
  EXPECT_EQ(this->claim(Worker::self("x")).value().training, "a");
  EXPECT_EQ(this->results().planned(), 1);
}

TYPED_TEST(StoreTest, FinishingTwiceIsFinishingOnce) {
  this->plan({prompt_entry("a", 1)});
  const Claim claim = this->claim(Worker::self("x")).value();
  this->finish(claim);
  Outcome other = outcome_of("a");
  other.payload_bytes = 1;
  this->store_->finish(claim, other);
  EXPECT_EQ(this->results().cells[0].payload_bytes, 260);
}

TYPED_TEST(StoreTest, BytesAreKeptUnderTheirIdUntilTheyAreRemoved) {
  const std::string bytes("\0\xff\x80 text", 8);
  EXPECT_EQ(this->store_->get("a/prompt"), "");
  this->store_->put("a/prompt", bytes);
  this->store_->put("a/prompt", bytes);
  EXPECT_EQ(this->store_->get("a/prompt"), bytes);
  this->store_->put("a/prompt", "other");
  EXPECT_EQ(this->store_->get("a/prompt"), "other");
  this->store_->put("a/prompt", "");
  EXPECT_EQ(this->store_->get("a/prompt"), "");
  EXPECT_THROW(this->store_->put("experiments", "x"), Error);
}

TYPED_TEST(StoreTest, ThreadsShareTheCellsAndEachIsDoneOnce) {
  std::vector<Entry> cells;
  constexpr int kCells = 60;
  for (int i = 0; i < kCells; ++i) cells.push_back(prompt_entry(cat("t", i), i));
  this->plan(cells);
  std::atomic<int> done = 0;
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&] {
      while (const auto claim = this->claim(Worker::self("x"))) {
        this->finish(*claim);
        ++done;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(done, kCells);
  EXPECT_EQ(this->results().count(CellState::kDone), kCells);
}

}  // namespace
}  // namespace qprompt
