#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>
#ifdef __linux__
#include <sys/prctl.h>
#endif

#include <cerrno>
#include <chrono>
#include <cstring>
#include <thread>

#include "run/runner.h"
#include "run/store.h"

extern char** environ;

namespace qprompt::run {
namespace {

constexpr auto kPoll = std::chrono::milliseconds(200);

pid_t start(const std::vector<std::string>& command) {
  std::vector<char*> arguments;
  for (const std::string& word : command) arguments.push_back(const_cast<char*>(word.c_str()));
  arguments.push_back(nullptr);
  pid_t pid = 0;
  const int error =
      ::posix_spawn(&pid, command[0].c_str(), nullptr, nullptr, arguments.data(), environ);
  if (error != 0) {
    fail(ErrorKind::kInternal, "cannot start '", command[0], "': ", std::strerror(error));
  }
  return pid;
}

/// The children of one command; those that are left are ended with it.
class Children {
 public:
  explicit Children(std::vector<std::string> command) : command_(std::move(command)) {}
  ~Children() {
    for (const pid_t pid : alive_) ::kill(pid, SIGTERM);
    for (const pid_t pid : alive_) ::waitpid(pid, nullptr, 0);
  }
  Children(const Children&) = delete;
  Children& operator=(const Children&) = delete;

  void add() { alive_.push_back(start(command_)); }
  bool empty() const { return alive_.empty(); }
  /// Takes note of children that ended; returns how many of them a signal ended. The exit code of
  /// one that gave up is kept.
  int64_t collect() {
    int64_t killed = 0;
    std::erase_if(alive_, [&](pid_t pid) {
      int status = 0;
      const pid_t ended = ::waitpid(pid, &status, WNOHANG);
      if (ended == 0 || (ended < 0 && errno == EINTR)) return false;
      if (ended == pid && WIFSIGNALED(status)) ++killed;
      if (ended == pid && WIFEXITED(status) && WEXITSTATUS(status) != 0) {
        gave_up_ = WEXITSTATUS(status);
      }
      return true;
    });
    return killed;
  }
  int gave_up() const { return gave_up_; }

 private:
  std::vector<std::string> command_;
  std::vector<pid_t> alive_;
  int gave_up_ = 0;
};

ErrorKind kind_of_code(int code) {
  for (const ErrorKind kind : {ErrorKind::kUsage, ErrorKind::kContent, ErrorKind::kPath}) {
    if (code == static_cast<int>(kind)) return kind;
  }
  return ErrorKind::kInternal;
}

}  // namespace

void end_with_parent() {
#ifdef __linux__
  const pid_t parent = ::getppid();
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (::getppid() != parent) ::_exit(static_cast<int>(ErrorKind::kInternal));
#endif
}

}  // namespace qprompt::run

namespace qprompt {

RunTotals run_side_by_side(const RunRequest& request, const std::vector<std::string>& worker,
                           int64_t jobs, Log& log) {
  std::string experiment;
  run::Database database(request.database, run::Database::Mode::kCreate);
  {
    const run::Opened opened = run::open_run(request, log);  // the model goes before the children
    run::register_plan(database, opened.plan, request.retry);
    experiment = opened.plan.recipe.name;
  }
  run::Progress progress = run::progress_of(database, experiment);
  run::Children children(worker);
  for (int64_t i = 0; i < std::min(jobs, progress.open()); ++i) children.add();
  int64_t idle_deaths = 0, finished = progress.done + progress.failed;
  while (!children.empty()) {
    std::this_thread::sleep_for(run::kPoll);
    const int64_t killed = children.collect();
    progress = run::progress_of(database, experiment);
    const int64_t now_finished = progress.done + progress.failed;
    log.progress("cells", now_finished, progress.planned);
    // A cell that kills its process is given up after the second time, so deaths without any
    // progress come from something else.
    idle_deaths = now_finished > finished ? killed : idle_deaths + killed;
    finished = now_finished;
    if (idle_deaths > 3 * jobs) {
      fail(ErrorKind::kInternal,
           "the processes of this run die without finishing anything; see "
           "the table 'attempts' of '",
           request.database, "'");
    }
    for (int64_t i = 0; i < killed && progress.open() > 0; ++i) children.add();
  }
  if (progress = run::progress_of(database, experiment); progress.open() > 0) {
    fail(run::kind_of_code(children.gave_up()), "the processes of this run gave up with ",
         progress.open(), " of ", progress.planned, " cells open; their messages are above");
  }
  return run::totals_of(request, experiment);
}

}  // namespace qprompt
