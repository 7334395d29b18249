#include "experiment/impl/side_by_side.h"

#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>
#ifdef __linux__
#include <sys/prctl.h>
#endif

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <thread>

extern char** environ;

namespace qprompt {
namespace {

constexpr auto kChildPoll = std::chrono::milliseconds(200);

pid_t start_child(const std::vector<std::string>& command) {
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

  void add() { alive_.push_back(start_child(command_)); }
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
  for (const ErrorKind kind : {ErrorKind::kUsage, ErrorKind::kContent, ErrorKind::kPath,
                               ErrorKind::kStopped, ErrorKind::kInterrupted}) {
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

void run_side_by_side(const std::string& experiment, Store& store, const RunOptions& options,
                      Observer& observer) {
  Results now = store.results(experiment, Detail::kStates);
  std::vector<std::string> command = options.worker_command;
  command.push_back(Worker::self("").invocation);
  Children children(std::move(command));
  for (int64_t i = 0; i < std::min(options.jobs, now.open()); ++i) children.add();
  int64_t idle_deaths = 0, open = now.open();
  while (!children.empty()) {
    std::this_thread::sleep_for(kChildPoll);
    const int64_t killed = children.collect();
    now = store.results(experiment, Detail::kStates);
    const auto total = static_cast<int64_t>(now.cells.size());
    ask(&observer, "cells", total - now.open(), total);
    // A cell that kills its process is given up after the second time, so deaths without any
    // progress come from something else.
    idle_deaths = now.open() < open ? killed : idle_deaths + killed;
    open = now.open();
    if (idle_deaths > 3 * options.jobs) {
      fail(ErrorKind::kInternal, "the processes of this run die without finishing anything; see ",
           "the table 'attempts' of '", options.store_name, "'");
    }
    for (int64_t i = 0; i < killed && open > 0; ++i) children.add();
  }
  now = store.results(experiment, Detail::kStates);
  if (now.open() == 0) return;
  fail(kind_of_code(children.gave_up()), "the processes of this run gave up with ", now.open(),
       " of ", now.cells.size(), " cells open; their messages are above");
}

}  // namespace qprompt
