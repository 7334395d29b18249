#include <fcntl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>

#include "base/runtime.h"
#include "qprompt/base.h"

namespace qprompt {
namespace {

/// Closes the descriptor when it goes.
struct Descriptor {
  int fd;
  ~Descriptor() {
    if (fd >= 0) ::close(fd);
  }
};

[[noreturn]] void fail_errno(const std::string& doing, const std::string& path, int error) {
  fail(ErrorKind::kPath, "cannot ", doing, " '", path, "': ", std::strerror(error));
}

}  // namespace

std::string read_file(const std::string& path, int64_t max_bytes) {
  // Without O_NONBLOCK a named pipe that nobody writes to would be waited for for ever.
  Descriptor d{::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK)};
  if (d.fd < 0) fail_errno("open", path, errno);
  struct stat info {};
  if (::fstat(d.fd, &info) != 0) fail_errno("read", path, errno);
  if (S_ISDIR(info.st_mode))
    fail(ErrorKind::kPath, "'", path, "' is a folder; a file was expected");
  if (!S_ISREG(info.st_mode)) {
    fail(ErrorKind::kPath, "'", path, "' is a pipe or a device; a file was expected");
  }
  std::string bytes;
  if (info.st_size > 0 && info.st_size <= max_bytes)
    bytes.reserve(static_cast<size_t>(info.st_size));
  char buffer[1 << 16];
  for (;;) {
    const ssize_t n = ::read(d.fd, buffer, sizeof buffer);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) fail_errno("read", path, errno);
    if (n == 0) return bytes;
    bytes.append(buffer, static_cast<size_t>(n));
    if (static_cast<int64_t>(bytes.size()) > max_bytes) {
      fail(ErrorKind::kContent, "'", path, "' is larger than ", max_bytes,
           " bytes, the most that such a file may have");
    }
  }
}

void make_folder(const std::string& path) {
  std::error_code error;
  std::filesystem::create_directories(path, error);
  if (error) fail(ErrorKind::kPath, "cannot make the folder '", path, "': ", error.message());
  if (!std::filesystem::is_directory(path)) {
    fail(ErrorKind::kPath, "'", path, "' is not a folder");
  }
}

double now_seconds() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

int64_t peak_memory_bytes() {
  struct rusage usage {};
  ::getrusage(RUSAGE_SELF, &usage);
#ifdef __APPLE__
  return usage.ru_maxrss;
#else
  return usage.ru_maxrss * 1024;
#endif
}

}  // namespace qprompt
