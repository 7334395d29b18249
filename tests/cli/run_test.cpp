// One trained prompt through every command that reads it.
#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/runtime.h"
#include "support/run.h"

namespace qprompt::testing_support {
namespace {

using Json = nlohmann::json;

std::vector<std::string> train_arguments(const std::string& out, const std::string& cache) {
  return {"train",   "--clip",    demo_clip(), "--data",    demo_data(), "--out", out,
          "--cache", cache,       "--quiet",   "--json",    "--epochs",  "3",     "--shots",
          "4",       "--threads", "1",         "--classes", "base"};
}

std::vector<std::string> with(std::vector<std::string> arguments,
                              const std::vector<std::string>& more) {
  arguments.insert(arguments.end(), more.begin(), more.end());
  return arguments;
}

/// Trains once for all tests of the suite.
class RunTest : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    folder_ = new TempFolder;
    const RunResult r = run(train_arguments(*folder_ / "q1", cache()));
    ASSERT_EQ(r.code, 0) << r.err;
    const RunResult f =
        run(with(train_arguments(*folder_ / "float", cache()), {"--method", "coop"}));
    ASSERT_EQ(f.code, 0) << f.err;
  }
  static void TearDownTestSuite() {
    delete folder_;
    folder_ = nullptr;
  }
  static std::string cache() { return *folder_ / "cache"; }
  static std::string prompt() { return *folder_ / "q1/prompt.qprompt"; }
  static std::string float_prompt() { return *folder_ / "float/prompt.qprompt"; }
  static std::string first_test_image() {
    for (const auto& e : std::filesystem::recursive_directory_iterator(demo_data() + "/test")) {
      if (e.path().extension() == ".png") return e.path().string();
    }
    return "";
  }
  static TempFolder* folder_;
};
TempFolder* RunTest::folder_ = nullptr;

TEST_F(RunTest, TheRecordTellsHowThePromptWasMade) {
  const Json record = Json::parse(read_all(*folder_ / "q1/run.json"));
  EXPECT_EQ(record["configuration"]["bits"], 1);
  EXPECT_EQ(record["configuration"]["epochs"], 3);
  EXPECT_EQ(record["configuration"]["classes"], "base");
  EXPECT_EQ(record["runtime"]["threads"], 1);
  EXPECT_EQ(record["fingerprint"].get<std::string>().size(), 32u);
  ASSERT_EQ(record["epochs"].size(), 3u);
  EXPECT_DOUBLE_EQ(record["epochs"][0]["learning_rate"], 1e-5);
  EXPECT_DOUBLE_EQ(record["epochs"][1]["learning_rate"], 0.002);
  EXPECT_GT(record["epochs"][0]["loss"], 0.0);
  ASSERT_TRUE(record["reclusterings"].contains("ctx"));
  EXPECT_TRUE(record["reclusterings"]["ctx"][0]["refitted"]);
  EXPECT_GT(record["peak_memory_bytes"], 0);
  EXPECT_FALSE(std::filesystem::exists(*folder_ / "q1/checkpoint.safetensors"));
}

TEST_F(RunTest, ASecondRunGivesTheSameBytesAndNeverOpensTheImageTower) {
  ASSERT_EQ(run(train_arguments(*folder_ / "again", cache())).code, 0);
  EXPECT_EQ(read_all(*folder_ / "again/prompt.qprompt"), read_all(prompt()));
  const Json record = Json::parse(read_all(*folder_ / "again/run.json"));
  EXPECT_EQ(record["features"]["encoded"], 0);
  EXPECT_GT(record["features"]["views"], 0);
}

TEST_F(RunTest, ARunFromAColdCacheGivesTheSameBytes) {
  ASSERT_EQ(run(train_arguments(*folder_ / "cold", *folder_ / "cold-cache")).code, 0);
  EXPECT_EQ(read_all(*folder_ / "cold/prompt.qprompt"), read_all(prompt()));
}

TEST_F(RunTest, AKilledRunResumesToTheSameBytes) {
  auto arguments = train_arguments(*folder_ / "whole", cache());
  for (size_t i = 0; i + 1 < arguments.size(); ++i) {
    if (arguments[i] == "--epochs") arguments[i + 1] = "100";
  }
  arguments.insert(arguments.end(), {"--checkpoint-seconds", "0"});
  ASSERT_EQ(run(arguments).code, 0);
  for (std::string& a : arguments) {
    if (a == *folder_ / "whole") a = *folder_ / "killed";
  }
  const std::string checkpoint = *folder_ / "killed/checkpoint.safetensors";
  // Kill as soon as the first checkpoint is there.
  const RunResult killed = run_shell(
      command_line(arguments) + " & pid=$!; for i in $(seq 1000); do " + "if [ -e " +
      quote(checkpoint) + " ]; then break; fi; sleep 0.01; done; kill -9 $pid; wait $pid");
  EXPECT_EQ(killed.code, 137);
  ASSERT_TRUE(std::filesystem::exists(checkpoint));
  EXPECT_FALSE(std::filesystem::exists(*folder_ / "killed/prompt.qprompt"));
  ASSERT_EQ(run(arguments).code, 0);
  EXPECT_GT(Json::parse(read_all(*folder_ / "killed/run.json"))["resumed_steps"], 0);
  EXPECT_EQ(read_all(*folder_ / "killed/prompt.qprompt"),
            read_all(*folder_ / "whole/prompt.qprompt"));
}

TEST_F(RunTest, ACheckpointOfOtherSettingsIsRefused) {
  auto arguments = train_arguments(*folder_ / "other", cache());
  write_all(*folder_ / "other/checkpoint.safetensors", "no safetensors file at all");
  const RunResult r = run(arguments);
  EXPECT_EQ(r.code, 3);
  EXPECT_NE(r.err.find("checkpoint"), std::string::npos) << r.err;
}

TEST_F(RunTest, EvalScoresSeveralPromptsInOnePass) {
  const std::string csv = *folder_ / "predictions.csv";
  const RunResult r = run({"eval", "--clip", demo_clip(), "--data", demo_data(), "--cache", cache(),
                           "--classes", "new", "--json", "--quiet", "--per-class", "--predictions",
                           csv, "--prompt", prompt(), float_prompt()});
  ASSERT_EQ(r.code, 0) << r.err;
  const Json result = Json::parse(r.out);
  ASSERT_EQ(result["results"].size(), 2u);
  for (const Json& one : result["results"]) {
    EXPECT_GT(one["total"], 0);
    int64_t total = 0, correct = 0;
    for (const Json& c : one["per_class"]) {
      total += c["total"].get<int64_t>();
      correct += c["correct"].get<int64_t>();
    }
    EXPECT_EQ(one["total"], total);
    EXPECT_EQ(one["correct"], correct);
  }
  const std::string predictions = read_all(csv);
  EXPECT_EQ(static_cast<int64_t>(std::count(predictions.begin(), predictions.end(), '\n')),
            1 + 2 * result["results"][0]["total"].get<int64_t>());
}

TEST_F(RunTest, APromptOfAnotherClipIsRefusedWithBothFingerprints) {
  const RunResult r =
      run({"classify", "--clip", tiny_oracle() + "/hf", "--vocab", tiny_oracle() + "/vocab.txt.gz",
           "--prompt", prompt(), "--labels", "a,b", first_test_image()});
  EXPECT_EQ(r.code, 3);
  const Json record = Json::parse(read_all(*folder_ / "q1/run.json"));
  EXPECT_NE(r.err.find(record["fingerprint"].get<std::string>()), std::string::npos) << r.err;
  EXPECT_NE(r.err.find("another CLIP"), std::string::npos);
}

TEST_F(RunTest, ClassifyAnswersEachImageAndCountsTheBrokenOnes) {
  const std::string image = first_test_image();
  const std::string broken = *folder_ / "broken.png";
  write_all(broken, read_all(image).substr(0, 60));
  const RunResult r =
      run_shell("printf '%s\\n' " + quote(image) + " " + quote(broken) + " | " +
                command_line({"classify", "--clip", demo_clip(), "--prompt", prompt(), "--labels",
                              "red sneaker,black bag,blue coat", "--top", "2", "--json", "-"}));
  ASSERT_EQ(r.code, 0) << r.err;
  std::istringstream lines(r.out);
  std::string line;
  ASSERT_TRUE(std::getline(lines, line));
  const Json first = Json::parse(line);
  EXPECT_EQ(first["path"], image);
  ASSERT_EQ(first["predictions"].size(), 2u);
  EXPECT_GE(first["predictions"][0]["probability"], first["predictions"][1]["probability"]);
  ASSERT_TRUE(std::getline(lines, line));
  EXPECT_NE(Json::parse(line)["error"].get<std::string>().find(broken), std::string::npos);
  EXPECT_NE(r.err.find("1 images classified, 1 skipped"), std::string::npos) << r.err;
}

TEST_F(RunTest, ClassifyWithTemplatesLeavesTheImagesAlone) {
  const RunResult r = run({"classify", "--clip", demo_clip(), "--labels", "red sneaker,black bag",
                           "--template", "a {}.", "--template", "one {}.", first_test_image()});
  ASSERT_EQ(r.code, 0) << r.err;
  EXPECT_NE(r.out.find("sneaker"), std::string::npos) << r.out;
}

TEST_F(RunTest, QuantizeShrinksAFloatPromptAndInspectTellsWhatItHolds) {
  const std::string small = *folder_ / "small.qprompt";
  ASSERT_EQ(run({"quantize", float_prompt(), "--bits", "2", "--out", small}).code, 0);
  const RunResult r = run({"inspect", small, "--clip", demo_clip(), "--json"});
  ASSERT_EQ(r.code, 0) << r.err;
  const Json all = Json::parse(r.out);
  ASSERT_EQ(all["tensors"].size(), 1u);
  const Json& tensor = all["tensors"][0];
  EXPECT_EQ(tensor["bits"], 2);
  EXPECT_EQ(tensor["centres"].size(), 4u);
  int64_t values = 1, counted = 0;
  for (const Json& axis : tensor["shape"]) values *= axis.get<int64_t>();
  for (const Json& count : tensor["histogram"]) counted += count.get<int64_t>();
  EXPECT_EQ(values, counted);
  EXPECT_EQ(tensor["payload_bytes"], values * 2 / 8 + 8);
  EXPECT_EQ(all["nearest_words"].size(), all["n_ctx"]);
  EXPECT_EQ(run({"quantize", small, "--bits", "1", "--out", *folder_ / "no.qprompt"}).code, 3);
}

TEST_F(RunTest, EncodeTextGivesTheClassMatrixThatEvalUses) {
  const std::string out = *folder_ / "classes.safetensors";
  ASSERT_EQ(run({"encode", "text", "--clip", demo_clip(), "--prompt", prompt(), "--labels",
                 "red sneaker,black bag", "--out", out})
                .code,
            0);
  EXPECT_GT(std::filesystem::file_size(out), 0u);
  EXPECT_EQ(run({"encode", "text", "--clip", demo_clip(), "--out", out}).code, 2);
}

TEST_F(RunTest, BaseToNewPrintsTheTableAndKeepsFinishedRuns) {
  const std::vector<std::string> arguments{"base-to-new",
                                           "--clip",
                                           demo_clip(),
                                           "--data",
                                           demo_data(),
                                           "--cache",
                                           cache(),
                                           "--epochs",
                                           "2",
                                           "--shots",
                                           "2",
                                           "--seeds",
                                           "1,2",
                                           "--method",
                                           "coop,qcoop",
                                           "--quiet",
                                           "--json",
                                           "--out",
                                           *folder_ / "protocol"};
  const RunResult first = run(arguments);
  ASSERT_EQ(first.code, 0) << first.err;
  const Json result = Json::parse(first.out);
  ASSERT_EQ(result["methods"].size(), 3u);
  const Json& q = result["methods"][2];
  EXPECT_EQ(q["seeds"].size(), 2u);
  const double base = q["base"]["mean"], fresh = q["new"]["mean"];
  EXPECT_NEAR(q["h"]["mean"].get<double>(), 2 * base * fresh / (base + fresh), 1e-9);
  const RunResult second = run(arguments);
  ASSERT_EQ(second.code, 0);
  EXPECT_EQ(Json::parse(second.out)["methods"][2]["seeds"], q["seeds"]);
}

TEST_F(RunTest, AFullDiskLeavesNothingHalfWritten) {
  const std::string out = *folder_ / "full";
  const RunResult r =
      run_shell("trap '' XFSZ; ulimit -f 0; exec " + command_line(train_arguments(out, cache())));
  EXPECT_EQ(r.code, 4) << r.err;
  for (const auto& entry : std::filesystem::directory_iterator(out)) {
    ADD_FAILURE() << "left behind: " << entry.path();
  }
}

TEST_F(RunTest, NothingIsWrittenIntoTheDataFolder) {
  TempFolder copy;
  std::filesystem::copy(demo_data(), copy / "data", std::filesystem::copy_options::recursive);
  const auto listing = [&] {
    return run_shell("cd " + quote(copy / "data") +
                     " && find . -type f -printf '%p %s %T@\\n' | sort")
        .out;
  };
  const std::string before = listing();
  ASSERT_EQ(run_shell("chmod -R a-w " + quote(copy / "data")).code, 0);
  auto arguments = train_arguments(copy / "out", copy / "cache");
  for (std::string& a : arguments) {
    if (a == demo_data()) a = copy / "data";
  }
  EXPECT_EQ(run(arguments).code, 0);
  EXPECT_EQ(listing(), before);
  run_shell("chmod -R u+w " + quote(copy / "data"));
}

}  // namespace
}  // namespace qprompt::testing_support
