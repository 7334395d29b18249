// Each file operation of a command fails in turn, and the program's own allocations do, as SQLite's
// tests do it: never a wrong result, a half file or a crash.
#include <filesystem>
#include <set>

#include "support/run.h"

namespace qprompt::testing_support {
namespace {

namespace fs = std::filesystem;

/// A few images of the demo, and its model, in a folder whose files are watched.
class Workplace {
 public:
  Workplace() {
    for (const char* part : {"train", "test"}) {
      for (const fs::path& from : first_entries(demo_data() + "/" + part, 2)) {
        const fs::path to = fs::path(folder_ / "data") / part / from.filename();
        fs::create_directories(to);
        for (const fs::path& image : first_entries(from, 2)) {
          fs::copy_file(image, to / image.filename());
        }
      }
    }
    fs::copy(fs::path(demo_clip()).parent_path(), folder_ / "clip", fs::copy_options::recursive);
  }

  /// Runs a command line with call number `at` of `kind` failing; 0: none.
  RunResult run_failing(const std::string& line, const std::string& kind, int64_t at) const {
    return run_shell("FAULT_ROOT=" + folder_.path() + " FAULT_KIND=" + kind +
                     " FAULT_AT=" + std::to_string(at) + " FAULT_COUNT=" + counts_ / "count" +
                     " LD_PRELOAD=" + QPROMPT_FAULT_LIBRARY + " " + line);
  }
  int64_t calls() const { return std::stoll(read_all(counts_ / "count")); }
  std::string path(const std::string& name) const { return folder_ / name; }
  void forget() const {
    fs::remove_all(path("out"));
    fs::remove_all(path("cache"));
  }
  std::string train() const {
    return command_line({"train",
                         "--quiet",
                         "--threads",
                         "1",
                         "--clip",
                         path("clip/model.safetensors"),
                         "--data",
                         path("data"),
                         "--cache",
                         path("cache"),
                         "--method",
                         "qcoop",
                         "--shots",
                         "2",
                         "--epochs",
                         "2",
                         "--checkpoint-seconds",
                         "0",
                         "--out",
                         path("out")});
  }

 private:
  static std::vector<fs::path> first_entries(const fs::path& folder, size_t count) {
    std::vector<fs::path> found(fs::directory_iterator{folder}, fs::directory_iterator{});
    std::sort(found.begin(), found.end());
    found.resize(std::min(count, found.size()));
    return found;
  }
  TempFolder folder_, counts_;
};

void expect_whole_or_nothing(const Workplace& place, const RunResult& r, const std::string& whole,
                             const std::string& what) {
  const std::string prompt = place.path("out/prompt.qprompt");
  if (r.code == 0) {
    EXPECT_EQ(read_all(prompt), whole) << what;
  } else {
    EXPECT_NE(r.err.find("error: "), std::string::npos) << what << ": " << r.err;
    EXPECT_TRUE(!fs::exists(prompt) || read_all(prompt) == whole) << what;
  }
  EXPECT_EQ(r.err.find("bug in qprompt"), std::string::npos) << what << ": " << r.err;
}

TEST(FaultTest, WhicheverFileOperationOfATrainingFailsItsResultIsWholeOrNotThere) {
  const Workplace place;
  ASSERT_EQ(place.run_failing(place.train(), "file", 0).code, 0);
  const std::string whole = read_all(place.path("out/prompt.qprompt"));
  const int64_t calls = place.calls();
  ASSERT_GT(calls, 80) << "the library no longer sees the program's files";
  for (int64_t at = 1; at <= calls; ++at) {
    place.forget();
    const std::string what = "file operation " + std::to_string(at);
    const RunResult r = place.run_failing(place.train(), "file", at);
    EXPECT_TRUE(r.code == 0 || r.code == 3 || r.code == 4)
        << what << ": " << r.code << ' ' << r.err;
    expect_whole_or_nothing(place, r, whole, what);
    // What is there is good to go on from.
    if (r.code != 0) {
      const RunResult again = run_shell(place.train());
      EXPECT_EQ(again.code, 0) << what << ": " << again.err;
      EXPECT_EQ(read_all(place.path("out/prompt.qprompt")), whole) << what;
    }
  }
  std::cout << calls << " file operations of a training failed in turn\n";
  RecordProperty("file_operations", static_cast<int>(calls));
}

TEST(FaultTest, WhicheverFileOperationOfClassifyFailsItsAnswersAreRightOrRefused) {
  const Workplace place;
  const std::string line = command_line({"classify", "--quiet", "--json", "--threads", "1",
                                         "--clip", place.path("clip/model.safetensors"), "--labels",
                                         "bag,boot", place.path("data/test")});
  const RunResult right = place.run_failing(line, "file", 0);
  ASSERT_EQ(right.code, 0) << right.err;
  const int64_t calls = place.calls();
  std::set<std::string> answers;
  std::istringstream lines(right.out);
  for (std::string answer; std::getline(lines, answer);) answers.insert(answer);
  for (int64_t at = 1; at <= calls; ++at) {
    const RunResult r = place.run_failing(line, "file", at);
    EXPECT_TRUE(r.code == 0 || r.code == 3 || r.code == 4) << at << ": " << r.code << ' ' << r.err;
    std::istringstream got(r.out);
    for (std::string answer; std::getline(got, answer);) {
      EXPECT_TRUE(answers.count(answer) == 1 || answer.find("\"error\"") != answer.npos) << answer;
    }
  }
  std::cout << calls << " file operations of classify failed in turn\n";
}

TEST(FaultTest, AnAllocationThatFailsEndsWithOutOfMemoryOrNotAtAll) {
  constexpr int64_t kTried = 40;  // spread over all: each costs a whole run
  const Workplace place;
  ASSERT_EQ(place.run_failing(place.train(), "memory", 0).code, 0);
  const std::string whole = read_all(place.path("out/prompt.qprompt"));
  const int64_t calls = place.calls();
  ASSERT_GT(calls, 1000);
  for (int64_t i = 0; i < kTried; ++i) {
    place.forget();
    const int64_t at = 1 + i * (calls - 1) / kTried;
    const std::string what = "allocation " + std::to_string(at) + " of " + std::to_string(calls);
    const RunResult r = place.run_failing(place.train(), "memory", at);
    EXPECT_TRUE(r.code == 0 || r.code == 3 || r.code == 4 ||
                (r.code == 70 && r.err.find("out of memory") != r.err.npos))
        << what << ": " << r.code << ' ' << r.err;
    expect_whole_or_nothing(place, r, whole, what);
  }
  std::cout << kTried << " of " << calls << " allocations of a training failed in turn\n";
}

TEST(FaultTest, UnderALimitOfMemoryTheProgramEndsAndSaysSo) {
  const std::string line = command_line({"classify", "--threads", "1", "--clip", demo_clip(),
                                         "--labels", "cat,dog", demo_data() + "/test"});
  for (const char* kilobytes : {"500000", "600000", "700000", "800000"}) {
    const RunResult r =
        run_shell("ulimit -v " + std::string(kilobytes) + "; timeout 60 " + line + " >/dev/null");
    EXPECT_NE(r.code, 124) << "it spins under " << kilobytes << " kB";
    EXPECT_EQ(r.err.find("bug in qprompt"), std::string::npos) << r.err;
    EXPECT_EQ(r.err.find("terminate called"), std::string::npos) << r.err;
  }
}

}  // namespace
}  // namespace qprompt::testing_support
