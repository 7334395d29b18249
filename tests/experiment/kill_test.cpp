// Kill it anywhere and run it again: nothing is lost, and nothing differs.
#include <algorithm>
#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>

#include <chrono>
#include <set>
#include <sstream>
#include <thread>

#include "experiment/impl/database.h"
#include "experiment/support.h"

namespace qprompt {
namespace {

using namespace testing_support;
using std::chrono::milliseconds;

// 2 data sets × (zero-shot + 4 methods × the seeds), and the images of each set.
constexpr const char* kMatrix =
    "methods = [\"zero-shot\", \"coop\", \"qcoop\"]\nbits = [1, 2, 4]\nshots = [4]\n"
    "datasets = [\"garments\", \"others\"]\nthreads = 1\n";
constexpr const char* kOptions = "\n[options]\nepochs = 4\nbatch = 4\ncheckpoint-seconds = 0\n";
constexpr int kKills = 10;

/// A process of the program, in a group of its own.
class Process {
 public:
  explicit Process(const std::vector<std::string>& arguments) {
    std::vector<std::string> words{QPROMPT_PROGRAM};
    words.insert(words.end(), arguments.begin(), arguments.end());
    pid_ = ::fork();
    if (pid_ != 0) {
      ::setpgid(pid_, pid_);
      return;
    }
    ::setpgid(0, 0);
    const int null = ::open("/dev/null", O_RDWR);
    ::dup2(null, STDOUT_FILENO);
    std::vector<char*> argv;
    for (std::string& word : words) argv.push_back(word.data());
    argv.push_back(nullptr);
    ::execv(argv[0], argv.data());
    ::_exit(127);
  }
  ~Process() {
    if (pid_ > 0) kill();
  }
  Process(const Process&) = delete;
  Process& operator=(const Process&) = delete;

  bool running() {
    if (pid_ > 0 && ::waitpid(pid_, &status_, WNOHANG) == pid_) pid_ = 0;
    return pid_ > 0;
  }
  /// Kills the process only, not its children; true when it was still running.
  bool kill() {
    if (!running()) return false;
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, &status_, 0);
    pid_ = 0;
    return true;
  }
  int code() {
    if (pid_ > 0) ::waitpid(pid_, &status_, 0);
    pid_ = 0;
    return WIFEXITED(status_) ? WEXITSTATUS(status_) : 128 + WTERMSIG(status_);
  }

 private:
  pid_t pid_ = 0;
  int status_ = 0;
};

/// Everything that the database says, but for how it went: `attempts` and `circumstances`, and the
/// run records, which hold times.
std::string contents(const std::string& path) {
  Database database(path, StoreMode::kReadOnly);
  std::string out;
  for (const char* sql :
       {"SELECT * FROM experiments", "SELECT * FROM cells ORDER BY experiment, ordinal",
        "SELECT * FROM needs ORDER BY experiment, ordinal, training",
        "SELECT * FROM wanted_scores ORDER BY experiment, ordinal, position",
        "SELECT * FROM wanted_blobs ORDER BY experiment, ordinal, blob",
        "SELECT * FROM trainings ORDER BY id", "SELECT * FROM test_lists ORDER BY digest",
        "SELECT * FROM scores ORDER BY id", "SELECT id FROM blobs ORDER BY id",
        "SELECT * FROM blobs WHERE id LIKE '%/prompt' ORDER BY id"}) {
    Statement rows = database.prepare(sql);
    int64_t n = 0;
    for (; rows.step(); ++n) {
      for (int column = 0; column < 13; ++column) out += rows.text(column) + "|";
      out += "\n";
    }
    out += cat(n, " rows of ", sql, "\n");
  }
  // Which images are encoded is each cache's own affair, and every database here has its own.
  Statement own = database.prepare("SELECT * FROM cells WHERE kind = 'images'");
  while (own.step()) {
    for (const int column : {2, 9}) {
      const std::string id = own.text(column);
      for (size_t at = out.find(id); at != std::string::npos; at = out.find(id, at)) {
        out.replace(at, id.size(), "images of " + own.text(5));
      }
    }
  }
  std::vector<std::string> lines;  // sorted, since they were in the order of their ids
  std::istringstream stream(out);
  for (std::string line; std::getline(stream, line);) lines.push_back(line);
  std::sort(lines.begin(), lines.end());
  out.clear();
  for (const std::string& line : lines) out += line + "\n";
  return out;
}

int64_t number(const std::string& path, const char* sql) {
  if (!std::filesystem::exists(path)) return 0;
  try {
    Database database(path, StoreMode::kReadOnly);
    Statement statement = database.prepare(sql);
    return statement.step() ? statement.integer(0) : 0;
  } catch (const Error&) {
    return 0;  // killed before the tables were made
  }
}

int64_t attempts(const std::string& path) { return number(path, "SELECT count(*) FROM attempts"); }

class KillTest : public ::testing::Test {
 protected:
  void use_seeds(const std::string& list, int64_t count) {
    recipe_ = write_recipe(folder_, kMatrix + ("seeds = " + list) + kOptions);
    cells_ = 2 * (1 + 4 * count) + 2;
  }
  /// 82 cells that score something.
  void use_large_matrix() { use_seeds("[1, 2, 3, 4, 5, 6, 7, 8, 9, 10]", 10); }
  /// 26 of them.
  void use_small_matrix() { use_seeds("[1, 2, 3]", 3); }

  std::vector<std::string> command(const std::string& database, const char* jobs) const {
    return {
        "run",     recipe_,  "--db", folder_ / database, "--cache", folder_ / (database + ".cache"),
        "--quiet", "--jobs", jobs};
  }
  void expect_whole(const std::string& database) {
    EXPECT_EQ(number(folder_ / database, "SELECT count(*) FROM cells WHERE state = 'done'"),
              cells_);
    Process whole(command("whole.db", "1"));
    ASSERT_EQ(whole.code(), 0);
    EXPECT_EQ(attempts(folder_ / "whole.db"), cells_);
    EXPECT_EQ(contents(folder_ / database), contents(folder_ / "whole.db"));
  }
  /// Waits until more was begun than before, then for a random moment.
  void wait_for_work(Process& process, const std::string& database, int64_t before) {
    const int64_t more = 1 + rng_.below(2);
    while (process.running() && attempts(folder_ / database) < before + more) {
      std::this_thread::sleep_for(milliseconds(2));
    }
    std::this_thread::sleep_for(milliseconds(rng_.below(25)));
  }

  TempFolder folder_;
  std::string recipe_;
  int64_t cells_ = 0;
  Rng rng_{static_cast<uint64_t>(::getpid())};
};

TEST_F(KillTest, TenKillsLeaveTheSameDatabaseAsNone) {
  use_large_matrix();
  int kills = 0;
  for (int i = 0; i < kKills; ++i) {
    const int64_t before = attempts(folder_ / "killed.db");
    Process process(command("killed.db", "1"));
    if (i < 2) {
      std::this_thread::sleep_for(milliseconds(20 + rng_.below(400)));  // while it starts
    } else {
      wait_for_work(process, "killed.db", before);
    }
    kills += process.kill();
  }
  EXPECT_EQ(kills, kKills) << "the matrix is too small for this machine";
  Process last(command("killed.db", "1"));
  ASSERT_EQ(last.code(), 0);
  EXPECT_GT(number(folder_ / "killed.db", "SELECT count(*) FROM attempts WHERE outcome = 'died'"),
            0);
  expect_whole("killed.db");
}

TEST_F(KillTest, TenKillsOfTwoParentsOfTwoLeaveTheSameDatabaseToo) {
  use_large_matrix();
  int kills = 0;
  for (int i = 0; i < kKills; ++i) {
    const int64_t before = attempts(folder_ / "four.db");
    Process one(command("four.db", "2")), other(command("four.db", "2"));
    wait_for_work(one, "four.db", before);
    kills += one.kill();
    other.kill();
  }
  EXPECT_EQ(kills, kKills) << "the matrix is too small for this machine";
  Process last(command("four.db", "2"));
  ASSERT_EQ(last.code(), 0);
  expect_whole("four.db");
}

TEST_F(KillTest, FourCommandsAtOnceShareTheCells) {
  use_small_matrix();
  {
    Process a(command("shared.db", "1")), b(command("shared.db", "1")),
        c(command("shared.db", "1")), d(command("shared.db", "1"));
    wait_for_work(b, "shared.db", 0);
    EXPECT_TRUE(b.kill());
    EXPECT_EQ(a.code(), 0);
    EXPECT_EQ(c.code(), 0);
    EXPECT_EQ(d.code(), 0);
  }
  EXPECT_LE(attempts(folder_ / "shared.db"), cells_ + 1) << "a cell was done twice";
  EXPECT_GE(number(folder_ / "shared.db", "SELECT count(DISTINCT pid) FROM attempts"), 2);
  expect_whole("shared.db");
}

TEST_F(KillTest, AKilledChildIsReplaced) {
  use_small_matrix();
  Process parent(command("child.db", "2"));
  wait_for_work(parent, "child.db", 0);
  const auto child = static_cast<pid_t>(
      number(folder_ / "child.db", "SELECT pid FROM attempts ORDER BY id LIMIT 1"));
  ASSERT_GT(child, 1);
  ::kill(child, SIGKILL);
  EXPECT_EQ(parent.code(), 0);
  expect_whole("child.db");
}

}  // namespace
}  // namespace qprompt
