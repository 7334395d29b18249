// A training as a user has it: what it shows, what it keeps, what it refuses, how it is stopped.
#include <algorithm>
#include <cstring>
#include <nlohmann/json.hpp>

#include "support/run.h"

namespace qprompt::testing_support {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::json;

bool says(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

/// A short training of a few demo images into `out`.
std::vector<std::string> training(const std::string& out, std::vector<std::string> more = {}) {
  std::vector<std::string> words{"train",    "--clip", demo_clip(), "--data", demo_data(),
                                 "--method", "qcoop",  "--shots",   "2",      "--cache",
                                 "none",     "--out",  out};
  const bool epochs = std::find(more.begin(), more.end(), "--epochs") != more.end();
  if (!epochs) words.insert(words.end(), {"--epochs", "3"});
  words.insert(words.end(), more.begin(), more.end());
  return words;
}

TEST(TrainTest, ItShowsItsCurveAndEndsWithWhatItBrought) {
  TempFolder folder;
  const std::string out = folder / "run";
  const RunResult r = run(training(out, {"--tensorboard", folder / "events"}));
  ASSERT_EQ(r.code, 0) << r.err;
  EXPECT_TRUE(says(r.err, "epoch 1 of 3: loss ")) << r.err;
  EXPECT_TRUE(says(r.err, "epoch 3 of 3: loss ")) << r.err;
  EXPECT_TRUE(says(r.err, ", rate ")) << r.err;
  EXPECT_TRUE(says(r.err, "zero-shot ")) << r.err;
  EXPECT_TRUE(says(r.err, " held-out images, ")) << r.err;
  const std::string csv = read_all(out + "/log.csv");
  EXPECT_EQ(std::count(csv.begin(), csv.end(), '\n'), 4) << csv;
  EXPECT_EQ(csv.rfind("epoch,steps,learning_rate,loss,seconds\n1,", 0), 0u) << csv;
}

uint32_t slow_crc32c(const std::string& bytes) {
  uint32_t crc = 0xffffffffu;
  for (const char c : bytes) {
    crc ^= static_cast<unsigned char>(c);
    for (int bit = 0; bit < 8; ++bit) crc = (crc >> 1) ^ ((crc & 1) != 0 ? 0x82f63b78u : 0);
  }
  return ~crc;
}

/// The messages of a TFRecord file; a frame that is wrong fails the test.
std::vector<std::string> records_of(const std::string& bytes) {
  const auto number = [&](size_t at) {
    uint32_t value = 0;
    std::memcpy(&value, bytes.data() + at, 4);
    return value;
  };
  const auto masked = [](const std::string& part) {
    const uint32_t crc = slow_crc32c(part);
    return ((crc >> 15) | (crc << 17)) + 0xa282ead8u;
  };
  std::vector<std::string> records;
  for (size_t at = 0; at + 16 <= bytes.size();) {
    const size_t length = number(at);
    EXPECT_EQ(number(at + 8), masked(bytes.substr(at, 8)));
    records.push_back(bytes.substr(at + 12, length));
    EXPECT_EQ(number(at + 12 + length), masked(records.back()));
    at += 16 + length;
  }
  return records;
}

TEST(TrainTest, TheEventFileIsWhatTensorBoardReads) {
  ASSERT_EQ(slow_crc32c("123456789"), 0xe3069283u);
  TempFolder folder;
  ASSERT_EQ(run(training(folder / "run", {"--tensorboard", folder / "events"})).code, 0);
  std::vector<fs::path> files(fs::directory_iterator(folder / "events"), fs::directory_iterator());
  ASSERT_EQ(files.size(), 1u);
  EXPECT_TRUE(says(files[0].filename().string(), "tfevents"));
  const auto records = records_of(read_all(files[0].string()));
  ASSERT_EQ(records.size(), 7u);  // the version, then loss and rate of three epochs
  EXPECT_TRUE(says(records[0], "brain.Event:2"));
  EXPECT_TRUE(says(records[1], "train/loss") && says(records[2], "train/learning_rate"));
}

TEST(TrainTest, FinishedWorkIsKeptAndOtherSettingsAreRefused) {
  TempFolder folder;
  const std::string out = folder / "run", prompt = out + "/prompt.qprompt";
  ASSERT_EQ(run(training(out)).code, 0);
  const std::string first = read_all(prompt);
  const RunResult again = run(training(out, {"--json"}));
  EXPECT_EQ(again.code, 0) << again.err;
  EXPECT_EQ(Json::parse(again.out)["kept"], true);
  const RunResult other = run(training(out, {"--epochs", "4"}));
  EXPECT_EQ(other.code, 2) << other.err;
  EXPECT_TRUE(says(other.err, "epochs (3, now 4)") && says(other.err, "--overwrite")) << other.err;
  EXPECT_EQ(read_all(prompt), first);
  EXPECT_EQ(run(training(out, {"--epochs", "4", "--overwrite"})).code, 0);
  EXPECT_NE(read_all(prompt), first);
  EXPECT_EQ(Json::parse(read_all(out + "/run.json"))["configuration"]["epochs"], 4);
}

TEST(TrainTest, APromptThatItsRecordDoesNotDescribeIsNotTakenForTheRunsOwn) {
  TempFolder folder;
  ASSERT_EQ(run(training(folder / "a")).code, 0);
  ASSERT_EQ(run(training(folder / "b", {"--epochs", "4"})).code, 0);
  const std::string prompt = folder / "a/prompt.qprompt", b = read_all(folder / "b/prompt.qprompt");
  write_all(prompt, b);  // as when a run of other settings ended between its two files
  const RunResult r = run(training(folder / "a"));
  EXPECT_EQ(r.code, 2) << r.err;
  EXPECT_EQ(read_all(prompt), b) << "which may be all that there is of that run";
  write_all(prompt, "damaged");
  EXPECT_EQ(run(training(folder / "a")).code, 0) << "the same run makes it again";
  fs::remove(folder / "a/run.json");
  EXPECT_EQ(run(training(folder / "a")).code, 2) << "a prompt without a record may be anybody's";
}

TEST(TrainTest, TheRecordRepeatsTheRun) {
  TempFolder folder;
  ASSERT_EQ(run(training(folder / "run")).code, 0);
  const Json record = Json::parse(read_all(folder / "run/run.json"));
  const Json& origin = record["origin"];
  EXPECT_EQ(origin["command"][0], "train");
  EXPECT_EQ(origin["clip"], demo_clip());
  EXPECT_EQ(origin["data"], demo_data());
  EXPECT_EQ(origin["class_names"].size(), record["data"]["classes"].get<size_t>());
  EXPECT_EQ(origin["train"].size(), record["data"]["train_images"].get<size_t>());
  EXPECT_FALSE(origin["host"].get<std::string>().empty());
  EXPECT_EQ(record["prompt"]["digest"].get<std::string>().size(), 32u);
}

TEST(TrainTest, AnInterruptedTrainingSaysHowToGoOnAndDoesSoToTheSameBytes) {
  TempFolder folder;
  const std::vector<std::string> more{"--epochs", "400", "--quiet"};
  ASSERT_EQ(run(training(folder / "whole", more)).code, 0);
  for (const auto& [signal, code] : {std::pair{"INT", 130}, std::pair{"TERM", 75}}) {
    const std::string out = folder / signal;
    const std::string line = command_line(training(out, more));
    // The shell of a test ignores SIGINT for what it starts in the background; env resets it.
    const RunResult r =
        run_shell("env --default-signal=INT " + line + " & p=$!; while [ ! -e " + out +
                  " ]; do sleep 0.05; done; sleep 0.6; kill -" + signal + " $p; wait $p");
    EXPECT_EQ(r.code, code) << r.err;
    EXPECT_TRUE(says(r.err, "goes on")) << r.err;
    EXPECT_FALSE(fs::exists(out + "/prompt.qprompt"));
    EXPECT_EQ(run(training(out, more)).code, 0);
    EXPECT_EQ(read_all(out + "/prompt.qprompt"), read_all(folder / "whole/prompt.qprompt"));
  }
}

TEST(TrainTest, TwoTrainingsDoNotWriteInOneFolder) {
  TempFolder folder;
  const std::string out = folder / "run", line = command_line(training(out, {"--epochs", "300"}));
  const RunResult r = run_shell(line + " >/dev/null 2>&1 & p=$!; while [ ! -e " + out +
                                " ]; do sleep 0.05; done; sleep 0.3; " + line +
                                "; c=$?; wait $p; echo first $?; exit $c");
  EXPECT_EQ(r.code, 4) << r.err;
  EXPECT_TRUE(says(r.err, "another process")) << r.err;
  EXPECT_TRUE(says(r.out, "first 0")) << r.out;
}

TEST(OutputTest, LinksAreFollowedAndDevicesStay) {
  TempFolder folder;
  auto words = training(folder / "run");
  std::replace(words.begin(), words.end(), std::string("qcoop"), std::string("coop"));
  ASSERT_EQ(run(words).code, 0);
  const std::string prompt = folder / "run/prompt.qprompt";
  fs::create_symlink("real", folder / "link");
  EXPECT_EQ(run({"quantize", prompt, "--bits", "2", "--out", folder / "link"}).code, 0);
  EXPECT_TRUE(fs::is_symlink(folder / "link") && fs::is_regular_file(folder / "real"));
  EXPECT_EQ(run({"quantize", prompt, "--bits", "2", "--out", "/dev/null"}).code, 0);
  EXPECT_TRUE(fs::is_character_file("/dev/null"));
  const RunResult same = run({"quantize", prompt, "--bits", "2", "--out", prompt});
  EXPECT_EQ(same.code, 2) << "reading and writing one file";
}

}  // namespace
}  // namespace qprompt::testing_support
