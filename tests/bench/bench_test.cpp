// Every benchmark runs at toy sizes, so that none can rot; its figures mean nothing here.
#include <nlohmann/json.hpp>

#include "support/run.h"

namespace qprompt::testing_support {
namespace {

class BenchTest : public ::testing::TestWithParam<std::string> {};

TEST_P(BenchTest, RunsAtToySizesAndPrintsJson) {
  const std::string program = std::string(QPROMPT_BENCH_FOLDER) + "/bench_" + GetParam();
  const RunResult result = run_shell(quote(program) + " --tiny --no-python --threads 1 --json");
  ASSERT_EQ(result.code, 0) << result.err;
  const auto json = nlohmann::json::parse(result.out);
  EXPECT_EQ(json.at("bench"), "bench_" + GetParam());
  EXPECT_EQ(json.at("machine").at("threads"), 1);
  EXPECT_FALSE(json.at("results").empty());
}

std::vector<std::string> benchmarks() {
  std::vector<std::string> names;
  for (const auto& entry :
       std::filesystem::directory_iterator(std::string(QPROMPT_SOURCE_DIR) + "/bench")) {
    if (entry.path().extension() == ".cpp") names.push_back(entry.path().stem().string());
  }
  std::sort(names.begin(), names.end());
  return names;
}

INSTANTIATE_TEST_SUITE_P(All, BenchTest, ::testing::ValuesIn(benchmarks()),
                         [](const auto& info) { return info.param; });

TEST(BenchUsageTest, AnUnknownOptionEndsWithTwo) {
  const std::string program = std::string(QPROMPT_BENCH_FOLDER) + "/bench_quantize";
  EXPECT_EQ(run_shell(quote(program) + " --no-such-option").code, 2);
}

}  // namespace
}  // namespace qprompt::testing_support
