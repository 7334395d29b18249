// How many processes `qprompt run --jobs` uses.
#include <algorithm>
#include <thread>

#include "experiment/impl/database.h"
#include "experiment/support.h"

namespace qprompt {
namespace {

using namespace testing_support;

class JobsTest : public ::testing::Test {
 protected:
  /// Runs 12 cells of a prompt each, with so many threads.
  RunResult run_cells(const std::string& jobs, int64_t threads) {
    const std::string recipe =
        write_recipe(folder_,
                     "methods = [\"coop\", \"qcoop\"]\nbits = [1, 2, 4]\nshots = [1]\n"
                     "datasets = [\"garments\"]\n[options]\nepochs = 1\nbatch = 2\n");
    database_ = folder_ / (jobs + "-" + std::to_string(threads) + ".db");
    return testing_support::run({"run", recipe, "--db", database_, "--cache", folder_ / "cache",
                                 "--jobs", jobs, "--threads", std::to_string(threads)});
  }
  int64_t processes() const {
    Database database(database_, StoreMode::kReadOnly);
    Statement statement = database.prepare("SELECT count(DISTINCT pid) FROM attempts");
    return statement.step() ? statement.integer(0) : -1;
  }

  const int64_t cores_ = std::max<int64_t>(1, std::thread::hardware_concurrency());
  TempFolder folder_;
  std::string database_;
};

TEST_F(JobsTest, NoMoreProcessesAreUsedThanTheCoresCarry) {
  const RunResult result = run_cells("1024", 1);
  ASSERT_EQ(result.code, 0) << result.err;
  EXPECT_LE(processes(), cores_);
  const std::string used = cores_ == 1 ? "1 process is used" : cat(cores_, " processes are used");
  EXPECT_NE(result.err.find("--jobs 1024 with 1 thread a cell"), std::string::npos) << result.err;
  EXPECT_NE(result.err.find(used), std::string::npos) << result.err;
}

TEST_F(JobsTest, ACellThatNeedsEveryCoreRunsAlone) {
  const RunResult result = run_cells("2", cores_);
  ASSERT_EQ(result.code, 0) << result.err;
  EXPECT_EQ(processes(), 1);
  EXPECT_NE(result.err.find("--jobs 2"), std::string::npos) << result.err;
  EXPECT_NE(result.err.find("1 process is used"), std::string::npos) << result.err;
}

TEST_F(JobsTest, WhatTheCoresCarryIsUsedWithoutAWord) {
  const RunResult result = run_cells("0", 1);
  ASSERT_EQ(result.code, 0) << result.err;
  EXPECT_EQ(result.err.find("--jobs"), std::string::npos) << result.err;
  EXPECT_LE(processes(), cores_);
}

}  // namespace
}  // namespace qprompt
