// `qprompt study` as a user runs it: killed, run again, asked for more, opened in a browser.
#include <gtest/gtest.h>

#include <map>
#include <nlohmann/json.hpp>
#include <set>

#include "qprompt/base.h"
#include "experiment/support.h"
#include "report/page_checks.h"

namespace qprompt {
namespace {

using namespace testing_support;
using Json = nlohmann::json;

class StudyCommandTest : public ::testing::Test {
 protected:
  void SetUp() override { copy_some_images(folder_ / "data", 6, 4, 3); }

  using Options = std::map<std::string, std::string>;

  /// A small study; `changes` go before its options, empty values are flags.
  std::vector<std::string> command(const std::string& out, const Options& changes = {}) const {
    Options options{{"--clip", demo_clip()},
                    {"--data", folder_ / "data"},
                    {"--cache", folder_ / "cache"},
                    {"--out", folder_ / out},
                    {"--threads", "1"},
                    {"--shots", "4"},
                    {"--batch", "4"},
                    {"--epochs", "3"},
                    {"--seeds", "1,2"},
                    {"--noise", "0,0.1"},
                    {"--bits", "1,2"},
                    {"--grid-bits", "1"},
                    {"--intervals", "1,5"},
                    {"--thresholds", "0.0001,0.1"},
                    {"--checkpoint-seconds", "0"}};
    for (const auto& [name, value] : changes) options[name] = value;
    std::vector<std::string> words{"study"};
    for (const auto& [name, value] : options) {
      words.push_back(name);
      if (!value.empty()) words.push_back(value);
    }
    return words;
  }
  std::string file(const std::string& out, const std::string& name) const {
    return read_all(folder_ / (out + "/" + name));
  }
  /// "path time" of every finished cell.
  std::string finished(const std::string& out) const {
    return run_shell("find " + quote(folder_ / out) +
                     " -name result.json -printf '%p %T@\\n' | sort")
        .out;
  }
  static int64_t lines(const std::string& text) {
    return std::count(text.begin(), text.end(), '\n');
  }
  /// Kills the command once `count` cells are finished and a moment has passed.
  RunResult kill_after(const std::string& out, int64_t count, double moment) const {
    return run_shell(command_line(command(out, {{"--quiet", ""}})) +
                     " & pid=$!; while kill -0 $pid 2>/dev/null; do n=$(find " +
                     quote(folder_ / out) + " -name result.json 2>/dev/null | wc -l); [ $n -ge " +
                     cat(count) + " ] && break; sleep 0.005; done; sleep " + cat(moment) +
                     "; kill -9 $pid; wait $pid");
  }

  TempFolder folder_;
};

TEST_F(StudyCommandTest, KilledAnywhereItGoesOnToTheSamePage) {
  const RunResult whole = run(command("whole"));
  ASSERT_EQ(whole.code, 0) << whole.err;
  Rng rng(static_cast<uint64_t>(::getpid()));
  int killed = 0;
  for (int i = 0; i < 8; ++i) {
    const int64_t there = lines(finished("killed"));
    killed +=
        kill_after("killed", i == 0 ? 0 : there + 1, 0.001 * double(rng.below(60))).code == 137;
  }
  EXPECT_GT(killed, 4) << "the study is too small for this machine";
  const std::string before = finished("killed");
  const RunResult last = run(command("killed"));
  ASSERT_EQ(last.code, 0) << last.err;
  EXPECT_EQ(last.out, whole.out);
  for (const char* name :
       {"study.json", "study.html", "scores.csv", "curves.csv", "weights.csv", "histograms.csv"}) {
    EXPECT_EQ(file("killed", name), file("whole", name)) << name;
    EXPECT_FALSE(file("whole", name).empty()) << name;
  }
  // What was finished was not done again, and nothing is left half done.
  std::istringstream kept(before);
  const std::string after = finished("killed");
  for (std::string line; std::getline(kept, line);) {
    EXPECT_NE(after.find(line + "\n"), std::string::npos) << line;
  }
  EXPECT_EQ(lines(after), lines(finished("whole")));
  EXPECT_EQ(run_shell("find " + quote(folder_ / "killed") +
                      " -name 'checkpoint*' -o -name 'epoch-*' -o -name '*.tmp*'")
                .out,
            "");
}

TEST_F(StudyCommandTest, AskedForMoreItTrainsOnlyWhatIsNew) {
  const RunResult first = run(command("out", {{"--parts", "bits"}}));
  ASSERT_EQ(first.code, 0) << first.err;
  EXPECT_NE(first.err.find("6 trained, 0 kept"), std::string::npos) << first.err;
  const RunResult again = run(command("out", {{"--parts", "bits"}}));
  EXPECT_NE(again.err.find("0 trained, 6 kept"), std::string::npos) << again.err;
  EXPECT_EQ(again.out, first.out);
  // The float prompt was not watched then, so it is trained once more; two bit widths are kept.
  const RunResult more = run(command("out", {{"--parts", "bits,noise,weights"}}));
  ASSERT_EQ(more.code, 0) << more.err;
  EXPECT_NE(more.err.find("4 trained, 4 kept"), std::string::npos) << more.err;
  const RunResult other = run(command("out", {{"--parts", "bits"}, {"--lr", "0.01"}}));
  EXPECT_NE(other.err.find("6 trained, 0 kept"), std::string::npos) << other.err;
}

TEST_F(StudyCommandTest, ADamagedCellIsDoneAgain) {
  ASSERT_EQ(run(command("out", {{"--parts", "noise"}})).code, 0);
  const std::string json = file("out", "study.json");
  std::istringstream list(finished("out"));
  std::string path;
  ASSERT_TRUE(list >> path);
  write_all(path, read_all(path).substr(0, 20));
  const RunResult again = run(command("out", {{"--parts", "noise"}}));
  ASSERT_EQ(again.code, 0) << again.err;
  EXPECT_NE(again.err.find("1 trained, 3 kept"), std::string::npos) << again.err;
  EXPECT_EQ(file("out", "study.json"), json);
}

TEST_F(StudyCommandTest, ScoresAreThoseThatEvalFindsInTheFiles) {
  ASSERT_EQ(run(command("out", {{"--parts", "bits"}, {"--seeds", "1"}, {"--bits", "2"}})).code, 0);
  const Json study = Json::parse(file("out", "study.json"));
  std::multiset<double> expected, found;
  for (const Json& row : study["parts"]["bits"]) expected.insert(row["base"]["mean"].get<double>());
  std::vector<std::string> words{"eval",      "--clip", demo_clip(), "--data",  folder_ / "data",
                                 "--classes", "base",   "--json",    "--prompt"};
  std::istringstream prompts(
      run_shell("find " + quote(folder_ / "out") + " -name prompt.qprompt").out);
  for (std::string path; std::getline(prompts, path);) words.push_back(path);
  words.insert(words.end(), {"--cache", folder_ / "cache"});
  const RunResult eval = run(words);
  ASSERT_EQ(eval.code, 0) << eval.err;
  const Json scored = Json::parse(eval.out);
  for (const Json& one : scored["results"]) {
    found.insert(100 * one["correct"].get<double>() / one["total"].get<double>());
  }
  EXPECT_EQ(found, expected);
}

TEST_F(StudyCommandTest, TwoStudiesDoNotShareAFolder) {
  const RunResult both = run_shell(
      command_line(command("out", {{"--quiet", ""}, {"--epochs", "60"}})) +
      " > /dev/null & pid=$!; while kill -0 $pid && ! [ -d " + quote(folder_ / "out/cells") +
      " ]; do sleep 0.01; done; " + command_line(command("out", {{"--quiet", ""}})) +
      "; code=$?; kill -9 $pid; wait $pid; exit $code");
  EXPECT_EQ(both.code, 4);
  EXPECT_NE(both.err.find("another study"), std::string::npos) << both.err;
}

TEST_F(StudyCommandTest, WrongListsAreRefused) {
  for (const auto& [option, value] :
       std::vector<std::pair<std::string, std::string>>{{"--bits", "1,9"},
                                                        {"--seeds", "one"},
                                                        {"--noise", "-1"},
                                                        {"--noise", "nan"},
                                                        {"--parts", "noise,colour"},
                                                        {"--thresholds", ","},
                                                        {"--shots", "0"}}) {
    const RunResult r = run(command("out", {{option, value}}));
    EXPECT_EQ(r.code, 2) << option << " " << value << ": " << r.err;
    EXPECT_NE(r.err.find(option), std::string::npos) << r.err;
  }
  EXPECT_EQ(run({"study", "--clip", demo_clip()}).code, 2) << "a model without data";
}

}  // namespace
}  // namespace qprompt
