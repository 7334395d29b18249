#include <nlohmann/json.hpp>

#include "support/run.h"

namespace qprompt::testing_support {
namespace {

TEST(UsageTest, VersionNamesTheProgramAndWhatComputes) {
  const RunResult r = run({"--version", "--threads", "2"});
  EXPECT_EQ(r.code, 0) << r.err;
  EXPECT_NE(r.out.find("qprompt 0."), std::string::npos);
  EXPECT_NE(r.out.find("LibTorch "), std::string::npos);
  EXPECT_NE(r.out.find("BLAS "), std::string::npos);
  EXPECT_NE(r.out.find("threads 2"), std::string::npos);
}

TEST(UsageTest, HelpNamesEveryCommandAndDefaultsComeFromTheFields) {
  const RunResult r = run({"--help"});
  EXPECT_EQ(r.code, 0);
  for (const char* command : {"demo", "train", "eval", "base-to-new", "zero-shot", "classify",
                              "import", "quantize", "inspect", "encode", "tokenize", "data"}) {
    EXPECT_NE(r.out.find(command), std::string::npos) << command;
  }
  const RunResult train = run({"train", "--help"});
  EXPECT_EQ(train.code, 0);
  const auto line_of = [&](const std::string& option) {
    const size_t begin = train.out.find(option);
    return begin == std::string::npos
               ? ""
               : train.out.substr(begin, train.out.find('\n', begin) - begin);
  };
  EXPECT_NE(line_of("--epochs TEXT").find("50"), std::string::npos) << train.out;
  EXPECT_NE(line_of("--init TEXT").find("a photo of a"), std::string::npos) << train.out;
}

TEST(UsageTest, MistakesOfUsageEndWithTwo) {
  EXPECT_EQ(run({}).code, 2);
  EXPECT_EQ(run({"no-such-command"}).code, 2);
  EXPECT_EQ(run({"train"}).code, 2);
  TempFolder out;
  const std::vector<std::vector<std::string>> mistakes{
      {"--method", "none"}, {"--bits", "9"},
      {"--bits", "1,2"},    {"--shots", "-1"},
      {"--epochs", "0"},    {"--classes", "old"},
      {"--lr", "nan"},      {"--schedule", "x"},
      {"--n-ctx", "3"},     {"--checkpoint-seconds", "soon"}};
  for (const auto& mistake : mistakes) {
    std::vector<std::string> arguments{"train",     "--clip", demo_clip(), "--data",
                                       demo_data(), "--out",  out / "run"};
    arguments.insert(arguments.end(), mistake.begin(), mistake.end());
    const RunResult r = run(arguments);
    EXPECT_EQ(r.code, 2) << mistake[0] << ' ' << mistake[1] << ": " << r.err;
    EXPECT_NE(r.err.find("error"), std::string::npos) << r.err;
    EXPECT_EQ(r.err.find("bug"), std::string::npos) << r.err;
  }
}

TEST(UsageTest, APathThatIsMissingEndsWithFour) {
  TempFolder out;
  EXPECT_EQ(
      run({"train", "--clip", "/no/such/clip.pt", "--data", demo_data(), "--out", out / "a"}).code,
      4);
  EXPECT_EQ(
      run({"train", "--clip", demo_clip(), "--data", "/no/such/folder", "--out", out / "b"}).code,
      4);
  const RunResult r = run({"inspect", "/no/such.qprompt"});
  EXPECT_EQ(r.code, 4);
  EXPECT_NE(r.err.find("/no/such.qprompt"), std::string::npos);
}

TEST(UsageTest, TokenizePrintsTheReferencesIds) {
  auto cases = nlohmann::json::parse(read_all(tiny_oracle() + "/tokens.json"));
  for (size_t i = cases.size(); i-- > 0;) {
    if (cases[i]["ids"].size() >= 77) cases.erase(i);  // the reference cut these; we refuse them
  }
  std::vector<std::string> arguments{"tokenize", "--clip", tiny_oracle() + "/hf", "--vocab",
                                     tiny_oracle() + "/vocab.txt.gz"};
  for (const auto& c : cases) arguments.push_back(c["text"]);
  const RunResult r = run(arguments);
  ASSERT_EQ(r.code, 0) << r.err;
  std::istringstream lines(r.out);
  for (const auto& c : cases) {
    std::string line;
    ASSERT_TRUE(std::getline(lines, line));
    const auto got = nlohmann::json::parse(line);
    EXPECT_EQ(got["text"], c["text"]);
    EXPECT_EQ(got["ids"], c["ids"]) << c["text"];
  }
}

TEST(UsageTest, ATextThatIsTooLongIsNamedWithItsLength) {
  std::string text = "very";
  for (int i = 0; i < 100; ++i) text += " very";
  const RunResult r = run({"tokenize", "--clip", demo_clip(), text});
  EXPECT_EQ(r.code, 3);
  EXPECT_NE(r.err.find("very very"), std::string::npos) << r.err;
}

TEST(UsageTest, AMissingVocabularySaysWhereItWasLookedFor) {
  TempFolder folder;
  std::filesystem::copy(demo_clip(), folder / "model.safetensors");
  const RunResult r =
      run_shell("HOME=" + folder.path() + " HF_HOME=" + folder.path() + " QPROMPT_VOCAB= " +
                command_line({"tokenize", "--clip", folder / "model.safetensors", "hello"}));
  EXPECT_EQ(r.code, 4) << r.err;
  EXPECT_NE(r.err.find("--vocab"), std::string::npos) << r.err;
}

}  // namespace
}  // namespace qprompt::testing_support
