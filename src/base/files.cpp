#include <fcntl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstring>
#include <filesystem>

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

void write_all(int fd, std::string_view bytes, const std::string& path) {
  while (!bytes.empty()) {
    const ssize_t n = ::write(fd, bytes.data(), bytes.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) fail_errno("write", path, errno);
    bytes.remove_prefix(static_cast<size_t>(n));
  }
}

/// Makes a rename durable; a folder that cannot be synced is no reason to fail.
void sync_folder(const std::string& folder) {
  Descriptor d{::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)};
  if (d.fd >= 0) ::fsync(d.fd);
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

void write_file_atomic(const std::string& path, std::string_view bytes) {
  static std::atomic<uint64_t> counter{0};  // only makes temporary names differ between threads
  const std::string aside = cat(path, ".tmp-", ::getpid(), "-", counter++);
  try {
    Descriptor d{::open(aside.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666)};
    if (d.fd < 0) fail_errno("create", path, errno);
    write_all(d.fd, bytes, path);
    if (::fsync(d.fd) != 0) fail_errno("write", path, errno);
    if (::rename(aside.c_str(), path.c_str()) != 0) fail_errno("write", path, errno);
  } catch (...) {
    ::unlink(aside.c_str());
    throw;
  }
  sync_folder(std::filesystem::path(path).parent_path().string().empty()
                  ? "."
                  : std::filesystem::path(path).parent_path().string());
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
