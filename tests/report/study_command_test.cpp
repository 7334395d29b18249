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

// Runs in the page: boxes of figures and texts as the browser laid them out.
constexpr const char* kProbe = R"(<script>
addEventListener('load', () => {
  const texts = svg => [...svg.querySelectorAll('text')].filter(t => t.textContent.trim());
  const small = r => ({l: r.left, r: r.right, t: r.top + .3 * r.height, b: r.bottom - .3 * r.height});
  const meet = (a, b) => Math.min(a.r, b.r) - Math.max(a.l, b.l) > -3 &&
                         Math.min(a.b, b.b) - Math.max(a.t, b.t) > 1;
  const report = {figures: [], overlaps: [], outside: [],
    wide: document.documentElement.scrollWidth > innerWidth};
  for (const svg of document.querySelectorAll('figure svg')) {
    const id = svg.parentNode.id, box = svg.getBoundingClientRect(), found = texts(svg);
    const boxes = found.map(t => small(t.getBoundingClientRect()));
    report.figures.push({id, width: box.width, height: box.height, texts: found.length});
    boxes.forEach((a, i) => {
      if (a.l < box.left - 1 || a.r > box.right + 1 || a.b > box.bottom || a.t < box.top) report.outside.push(id + ': ' + found[i].textContent);
      for (let j = 0; j < i; ++j)
        if (meet(a, boxes[j])) report.overlaps.push(id + ': ' + found[i].textContent + ' | ' + found[j].textContent);
    });
  }
  const out = document.createElement('pre');
  out.id = 'report';
  out.textContent = 'REPORT' + JSON.stringify(report) + 'END';
  document.body.append(out);
});
</script>)";

TEST_F(StudyCommandTest, ABrowserShowsEveryFigureWithoutLabelsOnEachOther) {
  if (run_shell("gnuplot --version").code != 0) GTEST_SKIP() << "gnuplot is not installed";
  if (run_shell("command -v chromium").code != 0) GTEST_SKIP() << "chromium is not installed";
  ASSERT_EQ(run(command("out", {{"--quiet", ""}})).code, 0);
  const std::string page = file("out", "study.html");
  EXPECT_EQ(outside_parts(page), std::vector<std::string>{});
  EXPECT_EQ(broken_ids(page), std::vector<std::string>{});
  write_all(folder_ / "probe.html", page + kProbe);
  // A profile of its own, and no network.
  const RunResult r =
      run_shell("timeout 120 chromium --headless --no-sandbox --disable-gpu --user-data-dir=" +
                quote(folder_ / "profile") + " --host-resolver-rules='MAP * ~NOTFOUND' " +
                "--window-size=1200,900 --virtual-time-budget=10000 --dump-dom " +
                quote("file://" + (folder_ / "probe.html")));
  const size_t begin = r.out.rfind("REPORT{"), end = r.out.rfind("END</pre>");
  if (begin == std::string::npos || end == std::string::npos) {
    GTEST_SKIP() << "chromium does not run here: " << r.err.substr(0, 500);
  }
  std::string json = r.out.substr(begin + 6, end - begin - 6);
  for (const auto& [from, to] : {std::pair{"&amp;", "&"}, {"&lt;", "<"}, {"&gt;", ">"}}) {
    json = std::regex_replace(json, std::regex(from), to);
  }
  const Json report = Json::parse(json);
  EXPECT_EQ(report["figures"].size(), 17u);
  for (const Json& figure : report["figures"]) {
    EXPECT_GT(figure["width"], 250) << figure;
    EXPECT_GT(figure["height"], 150) << figure;
    EXPECT_GT(figure["texts"], 5) << figure;
  }
  EXPECT_EQ(report["overlaps"], Json::array());
  EXPECT_EQ(report["outside"], Json::array());
  EXPECT_FALSE(report["wide"]);
}

}  // namespace
}  // namespace qprompt
