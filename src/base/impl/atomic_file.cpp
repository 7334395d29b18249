#include <dirent.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <filesystem>
#include <random>
#include <utility>

#include "base/files.h"
#include "qprompt/base.h"

namespace qprompt {
namespace fs = std::filesystem;
namespace {

constexpr const char* kAside = ".tmp-";
constexpr size_t kLongestName = 255;  // bytes of one file name on every common file system
constexpr size_t kRandomDigits = 16;
constexpr time_t kStaleSeconds = 60 * 60;
constexpr int kMostLinks = 40;  // as Linux follows at most

std::string folder_of(const std::string& path) {
  const fs::path parent = fs::path(path).parent_path();
  return parent.empty() ? "." : parent.string();
}

/// The beginning of every temporary name of `path`'s last part.
std::string aside_prefix(const std::string& path) {
  const std::string name = fs::path(path).filename().string();
  const size_t room = kLongestName - std::strlen(kAside) - kRandomDigits;
  return name.substr(0, std::min(name.size(), room)) + kAside;
}

/// Not the process number: that of one container is that of the next, on one shared disk.
std::string random_digits() {
  std::random_device device;
  std::string digits;
  while (digits.size() < kRandomDigits) {
    char text[9];
    std::snprintf(text, sizeof text, "%08x", static_cast<unsigned>(device()));
    digits += text;
  }
  return digits.substr(0, kRandomDigits);
}

/// The number of a descriptor of this process that the path names (/dev/stdout, /dev/fd/3,
/// /proc/self/fd/3), or -1. Such a link cannot be resolved by name: its target may be a pipe.
int named_descriptor(const std::string& path) {
  std::error_code error;
  const fs::path parent = fs::canonical(folder_of(path), error);
  if (error || parent != fs::path("/proc") / std::to_string(::getpid()) / "fd") return -1;
  const std::string name = fs::path(path).filename().string();
  int fd = -1;
  const auto [end, bad] = std::from_chars(name.data(), name.data() + name.size(), fd);
  return bad == std::errc() && end == name.data() + name.size() ? fd : -1;
}

/// Removes a file that a writer left; one that lives holds a lock on it.
void sweep_one(const std::string& path) {
  const int fd = ::open(path.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
  if (fd < 0) return;
  struct stat info {};
  if (::fstat(fd, &info) == 0 && S_ISREG(info.st_mode) &&
      ::time(nullptr) - info.st_mtime > kStaleSeconds && ::flock(fd, LOCK_EX | LOCK_NB) == 0) {
    ::unlink(path.c_str());
  }
  ::close(fd);
}

/// "0123456789abcdef" and what earlier versions wrote, "123-4" and "123-w4".
bool ends_like_aside(const std::string& end) {
  const auto all = [](const std::string& text, const char* of) {
    return !text.empty() && text.find_first_not_of(of) == text.npos;
  };
  if (end.size() == kRandomDigits && all(end, "0123456789abcdef")) return true;
  const size_t dash = end.find('-');
  if (dash == end.npos || !all(end.substr(0, dash), "0123456789")) return false;
  const size_t number = dash + 1 + (end.compare(dash + 1, 1, "w") == 0 ? 1 : 0);
  return all(end.substr(number), "0123456789");
}

void sweep(const std::string& path) {
  const std::string folder = folder_of(path), prefix = aside_prefix(path);
  DIR* directory = ::opendir(folder.c_str());
  if (directory == nullptr) return;
  while (const dirent* entry = ::readdir(directory)) {
    const std::string name = entry->d_name;
    if (name.rfind(prefix, 0) == 0 && ends_like_aside(name.substr(prefix.size()))) {
      sweep_one(folder + "/" + name);
    }
  }
  ::closedir(directory);
}

}  // namespace

AtomicFile::AtomicFile(std::string path) : path_(std::move(path)) {
  target_ = path_;
  for (int links = 0;; ++links) {
    if (const int fd = named_descriptor(target_); fd >= 0) {
      target_.clear();
      fd_ = ::fcntl(fd, F_DUPFD_CLOEXEC, 3);
      if (fd_ < 0) fail_errno("write to", errno);
      return;
    }
    std::error_code error;
    const fs::path next = fs::read_symlink(target_, error);
    if (error) break;
    if (links == kMostLinks) fail_errno("write", ELOOP);
    target_ = next.is_absolute() ? next.string() : (fs::path(folder_of(target_)) / next).string();
  }
  struct stat info {};
  if (::stat(target_.c_str(), &info) != 0 || S_ISREG(info.st_mode)) {
    open_aside();
    return;
  }
  if (S_ISDIR(info.st_mode)) fail_errno("write", EISDIR);
  if (!S_ISCHR(info.st_mode) && !S_ISFIFO(info.st_mode)) {
    fail(ErrorKind::kPath, "'", path_,
         "' is neither a plain file nor a pipe or character device, "
         "and is not written to");
  }
  open_special();
}

void AtomicFile::open_special() {
  fd_ = ::open(target_.c_str(), O_WRONLY | O_NONBLOCK | O_CLOEXEC | O_NOCTTY);
  if (fd_ < 0 && errno == ENXIO) {
    fail(ErrorKind::kPath, "cannot write to '", path_, "': nobody reads from this pipe");
  }
  if (fd_ < 0) fail_errno("write to", errno);
  ::fcntl(fd_, F_SETFL, ::fcntl(fd_, F_GETFL) & ~O_NONBLOCK);
  target_.clear();
}

void AtomicFile::open_aside() {
  sweep(target_);
  aside_ = folder_of(target_) + "/" + aside_prefix(target_) + random_digits();
  fd_ = ::open(aside_.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
  if (fd_ < 0) {
    const int error = errno;
    aside_.clear();  // not ours to remove
    fail_errno("create", error);
  }
  ::flock(fd_, LOCK_EX | LOCK_NB);  // says to who sweeps that its writer lives
}

AtomicFile::~AtomicFile() {
  if (fd_ >= 0) ::close(fd_);
  if (!committed_ && !aside_.empty()) ::unlink(aside_.c_str());
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
    if (n == 0) fail_errno("write", ENOSPC);
    at += n;
    bytes -= static_cast<size_t>(n);
  }
}

void AtomicFile::commit() {
  const bool special = target_.empty();
  if (!special && ::fsync(fd_) != 0) fail_errno("write", errno);
  const int fd = std::exchange(fd_, -1);
  if (::close(fd) != 0 && errno != EINTR) fail_errno("write", errno);
  if (special) return;
  if (::rename(aside_.c_str(), target_.c_str()) != 0) fail_errno("write", errno);
  committed_ = true;
  // Makes the rename durable; a folder that cannot be synced is no reason to fail.
  const int folder = ::open(folder_of(target_).c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (folder >= 0) {
    ::fsync(folder);
    ::close(folder);
  }
}

void write_file_atomic(const std::string& path, std::string_view bytes) {
  AtomicFile file(path);
  file.write(bytes.data(), bytes.size());
  file.commit();
}

FolderLock::FolderLock(const std::string& folder) {
  fd_ = ::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd_ < 0) {
    fail(ErrorKind::kPath, "cannot open the folder '", folder, "': ", std::strerror(errno));
  }
  held_ = ::flock(fd_, LOCK_EX | LOCK_NB) == 0;
  if (held_ || errno != EWOULDBLOCK) return;
  ::close(fd_);
  fail(ErrorKind::kPath, "another process is writing in '", folder,
       "'; wait until it has ended, or give another folder with --out");
}

FolderLock::~FolderLock() { ::close(fd_); }

void check_not_same_file(const std::string& in, const std::string& out) {
  struct stat a {
  }, b{};
  if (::stat(in.c_str(), &a) != 0 || ::stat(out.c_str(), &b) != 0) return;
  if (!S_ISREG(a.st_mode) || a.st_dev != b.st_dev || a.st_ino != b.st_ino) return;
  fail(ErrorKind::kUsage, "'", in, "' would be read and written at once; give another --out");
}

}  // namespace qprompt
