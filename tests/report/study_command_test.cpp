// `qprompt study` as a user runs it: killed, run again, asked for more, by two processes.
#include <gtest/gtest.h>

#include <map>
#include <nlohmann/json.hpp>
#include <set>

#include "experiment/cell.h"
#include "experiment/impl/database.h"
#include "experiment/support.h"
#include "qprompt/base.h"

namespace qprompt {
namespace {

using namespace testing_support;
using Json = nlohmann::json;

class StudyCommandTest : public ::testing::Test {
 protected:
  void SetUp() override { copy_some_images(folder_ / "data", 6, 4, 3); }

  using Options = std::map<std::string, std::string>;

  /// A small study with a store of its own; `changes` override its options, empty values are flags.
  std::vector<std::string> command(const std::string& out, const Options& changes = {}) const {
    Options options{{"--clip", demo_clip()},
                    {"--data", folder_ / "data"},
                    {"--cache", folder_ / "cache"},
                    {"--out", folder_ / out},
                    {"--db", db(out)},
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
  std::string db(const std::string& out) const { return folder_ / (out + ".db"); }
  std::string file(const std::string& out, const std::string& name) const {
    return read_all(folder_ / (out + "/" + name));
  }
  /// How many trainings were done, the same one counted as often as it was.
  int64_t trained(const std::string& out) const {
    Database database(db(out), StoreMode::kReadOnly);
    Statement rows = database.prepare(
        "SELECT count(*) FROM attempts a JOIN trainings t ON t.id = a.training "
        "WHERE a.outcome = 'done' AND t.prompt_digest <> ''");
    return rows.step() ? rows.integer(0) : -1;
  }
  /// A file without what a page says of its making.
  std::string made(const std::string& out, const std::string& name) const {
    std::string text = file(out, name);
    const size_t begin = text.find("<dl>"), end = text.find("</dl>");
    return begin == text.npos ? text : text.erase(begin, end - begin);
  }
  /// Both wrote the same, but for when and by which command.
  void expect_equal_files(const std::string& a, const std::string& b) const {
    for (const char* name : {"study.json", "study.html", "scores.csv", "curves.csv", "weights.csv",
                             "histograms.csv"}) {
      EXPECT_EQ(made(a, name), made(b, name)) << name;
      EXPECT_FALSE(file(a, name).empty()) << name;
    }
  }

  TempFolder folder_;
};

TEST_F(StudyCommandTest, KilledAnywhereItGoesOnToTheSamePage) {
  const RunResult whole = run(command("whole"));
  ASSERT_EQ(whole.code, 0) << whole.err;
  Rng rng(static_cast<uint64_t>(::getpid()));
  int killed = 0;
  for (int i = 0; i < 6; ++i) {
    killed += run_shell("timeout -s KILL " + cat(0.4 + 0.4 * i * rng.uniform()) + " " +
                        command_line(command("killed", {{"--quiet", ""}})) + " > /dev/null")
                  .code == 137;
  }
  EXPECT_GT(killed, 1) << "the study is too small for this machine";
  const RunResult last = run(command("killed"));
  ASSERT_EQ(last.code, 0) << last.err;
  EXPECT_EQ(last.out, whole.out);
  expect_equal_files("killed", "whole");
  EXPECT_EQ(trained("killed"), trained("whole")) << "what was finished is not done again";
}

TEST_F(StudyCommandTest, TwoProcessesGiveTheSamePage) {
  const RunResult one = run(command("one"));
  ASSERT_EQ(one.code, 0) << one.err;
  const RunResult two = run(command("two", {{"--jobs", "2"}}));
  ASSERT_EQ(two.code, 0) << two.err;
  EXPECT_EQ(two.out, one.out);
  expect_equal_files("two", "one");
  EXPECT_EQ(trained("two"), trained("one"));
}

TEST_F(StudyCommandTest, AskedForMoreItTrainsOnlyWhatIsNew) {
  const RunResult first = run(command("out", {{"--parts", "bits"}}));
  ASSERT_EQ(first.code, 0) << first.err;
  EXPECT_EQ(trained("out"), 6);
  const RunResult again = run(command("out", {{"--parts", "bits"}}));
  EXPECT_EQ(trained("out"), 6);
  EXPECT_EQ(again.out, first.out);
  // The float prompt was not watched then, so it is trained once more; two bit widths are kept.
  const RunResult more = run(command("out", {{"--parts", "bits,noise,weights"}}));
  ASSERT_EQ(more.code, 0) << more.err;
  EXPECT_EQ(trained("out"), 6 + 4);
  ASSERT_EQ(run(command("out", {{"--parts", "bits"}, {"--lr", "0.01"}})).code, 0);
  EXPECT_EQ(trained("out"), 10 + 6);
}

TEST_F(StudyCommandTest, BaseToNewFindsWhatTheStudyTrained) {
  ASSERT_EQ(run(command("out", {{"--parts", "bits"}, {"--bits", "2"}})).code, 0);
  EXPECT_EQ(trained("out"), 4);
  const RunResult same = run({"base-to-new",
                              "--clip",
                              demo_clip(),
                              "--data",
                              folder_ / "data",
                              "--cache",
                              folder_ / "cache",
                              "--db",
                              db("out"),
                              "--threads",
                              "1",
                              "--shots",
                              "4",
                              "--batch",
                              "4",
                              "--epochs",
                              "3",
                              "--seeds",
                              "1,2",
                              "--method",
                              "coop,qcoop",
                              "--bits",
                              "2",
                              "--json"});
  ASSERT_EQ(same.code, 0) << same.err;
  // An attempt more each, for the list over all classes; the prompts are not trained again.
  Database database(db("out"), StoreMode::kReadOnly);
  Statement rows = database.prepare("SELECT count(*) FROM trainings WHERE prompt_digest <> ''");
  ASSERT_TRUE(rows.step());
  EXPECT_EQ(rows.integer(0), 4);
  const Json study = Json::parse(file("out", "study.json"));
  const Json methods = Json::parse(same.out)["methods"];
  for (size_t i = 0; i < 2; ++i) {
    EXPECT_EQ(study["parts"]["bits"][i]["h"], methods[i + 1]["h"]) << i;
  }
}

TEST_F(StudyCommandTest, ScoresAreThoseThatEvalFindsInTheFiles) {
  ASSERT_EQ(run(command("out", {{"--parts", "bits"}, {"--seeds", "1"}, {"--bits", "2"}})).code, 0);
  const Json study = Json::parse(file("out", "study.json"));
  std::multiset<double> expected, found;
  for (const Json& row : study["parts"]["bits"]) expected.insert(row["base"]["mean"].get<double>());
  std::vector<std::string> words{"eval",      "--clip", demo_clip(), "--data",  folder_ / "data",
                                 "--classes", "base",   "--json",    "--prompt"};
  const auto store = sqlite_store(db("out"), StoreMode::kReadOnly);
  std::string name = store->get("experiments");
  name = name.substr(0, name.find('\n'));
  for (const CellOutcome& cell : store->results(name, Detail::kAll).cells) {
    if (cell.kind != "prompt") continue;
    const std::string path = folder_ / (cell.training + ".qprompt");
    write_all(path, store->get(prompt_id(cell.training)));
    words.push_back(path);
  }
  words.insert(words.end(), {"--cache", folder_ / "cache"});
  const RunResult eval = run(words);
  ASSERT_EQ(eval.code, 0) << eval.err;
  const Json scored = Json::parse(eval.out);
  for (const Json& one : scored["results"]) {
    found.insert(100 * one["correct"].get<double>() / one["total"].get<double>());
  }
  EXPECT_EQ(found, expected);
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
