#include "weights/atomic_file.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <utility>

#include "qprompt/base.h"

namespace qprompt {

AtomicFile::AtomicFile(std::string path) : path_(std::move(path)) {
  static std::atomic<uint64_t> counter{0};  // only makes temporary names differ between threads
  aside_ = cat(path_, ".tmp-", ::getpid(), "-w", counter++);
  fd_ = ::open(aside_.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
  if (fd_ < 0) fail_errno("create", errno);
}

AtomicFile::~AtomicFile() {
  if (fd_ >= 0) ::close(fd_);
  if (!committed_) ::unlink(aside_.c_str());
}

void AtomicFile::fail_errno(const char* doing, int error) const {
  fail(ErrorKind::kPath, "cannot ", doing, " '", path_, "': ", std::strerror(error));
}

void AtomicFile::write(const void* data, size_t bytes) {
  constexpr size_t kMost = size_t{1} << 30;  // one call writes less than 2 GiB on Linux
  const auto* at = static_cast<const char*>(data);
  while (bytes > 0) {
    const ssize_t n = ::write(fd_, at, std::min(bytes, kMost));
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) fail_errno("write", errno);
    at += n;
    bytes -= static_cast<size_t>(n);
  }
}

void AtomicFile::commit() {
  if (::fsync(fd_) != 0) fail_errno("write", errno);
  if (::rename(aside_.c_str(), path_.c_str()) != 0) fail_errno("write", errno);
  committed_ = true;
  const auto parent = std::filesystem::path(path_).parent_path();
  const auto folder = parent.empty() ? std::filesystem::path(".") : parent;
  // Makes the rename durable; a folder that cannot be synced is no reason to fail.
  const int fd = ::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd >= 0) {
    ::fsync(fd);
    ::close(fd);
  }
}

}  // namespace qprompt
