// Who works, and whether somebody who worked on this host is still there.
#include <signal.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <fstream>
#include <limits>
#include <optional>
#include <sstream>
#include <string>

#include "experiment/store.h"

namespace qprompt {
namespace {

/// The kernel's time of a process's start, in ticks since boot; 0: it has ended. Empty where that
/// cannot be read: there is no such process, or it is hidden.
std::optional<int64_t> start_of_process(int64_t pid) {
  std::ifstream file(cat("/proc/", pid, "/stat"));
  if (!file) return std::nullopt;
  std::string text((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
  // The second field is the program's name in brackets, which may hold anything.
  const size_t name_end = text.rfind(')');
  if (name_end == std::string::npos) return std::nullopt;
  std::istringstream fields(text.substr(name_end + 1));
  constexpr int kStateField = 3, kStartField = 22;
  std::string field, state;
  for (int i = kStateField; i <= kStartField && (fields >> field); ++i) {
    if (i == kStateField) state = field;
  }
  if (!fields || state == "Z" || state == "X") return 0;  // ended, and not yet collected
  return std::strtoll(field.c_str(), nullptr, 10);
}

/// Processes with the same answer can look each other up by number. Empty where that is not known.
std::string process_space() {
  std::ifstream file("/proc/sys/kernel/random/boot_id");
  std::string boot;
  if (!(file >> boot)) return "";
  char space[64] = "";
  if (::readlink("/proc/self/ns/pid", space, sizeof space - 1) < 0) return "";
  return boot + " " + space;
}

}  // namespace

Worker Worker::self(const std::string& invocation) {
  char name[256] = "";
  ::gethostname(name, sizeof name - 1);
  const int64_t started = start_of_process(::getpid()).value_or(0);
  Worker worker{process_space(), name, ::getpid(), started, invocation};
  if (invocation.empty()) worker.invocation = cat(worker.pid, "-", worker.pid_started);
  return worker;
}

bool is_gone(const Worker& worker) {
  if (worker.host.empty() || worker.host != process_space()) return false;
  if (worker.pid < 1 || worker.pid > std::numeric_limits<pid_t>::max()) return true;
  if (const auto started = start_of_process(worker.pid)) return *started != worker.pid_started;
  // Signal 0 is none: it only asks whether there is somebody.
  return ::kill(static_cast<pid_t>(worker.pid), 0) != 0 && errno == ESRCH;
}

}  // namespace qprompt
