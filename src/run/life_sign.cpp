#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstring>
#include <filesystem>
#include <random>

#include "run/store.h"

namespace qprompt::run {
namespace fs = std::filesystem;

LifeSign::LifeSign(const std::string& folder) {
  make_folder(folder);
  // Process numbers come back, in containers soon; a name must not.
  std::random_device device;
  name_ = cat(::getpid(), "-", std::chrono::system_clock::now().time_since_epoch().count(), "-",
              device());
  path_ = (fs::path(folder) / name_).string();
  // Not handed on to children: theirs would keep the lock when this process is gone.
  descriptor_ = ::open(path_.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
  if (descriptor_ < 0) {
    fail(ErrorKind::kPath, "cannot create '", path_, "': ", std::strerror(errno));
  }
  if (::flock(descriptor_, LOCK_EX | LOCK_NB) != 0) {
    const int error = errno;
    ::close(descriptor_);
    ::unlink(path_.c_str());
    fail(ErrorKind::kPath, "cannot lock '", path_, "': ", std::strerror(error),
         "; put the database on a file system with locks");
  }
}

FolderLock::FolderLock(const std::string& folder) {
  make_folder(folder);
  const std::string path = (fs::path(folder) / "lock").string();
  descriptor_ = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0666);
  if (descriptor_ < 0) {
    fail(ErrorKind::kPath, "cannot create '", path, "': ", std::strerror(errno));
  }
  while (::flock(descriptor_, LOCK_EX) != 0) {
    if (errno == EINTR) continue;
    const int error = errno;
    ::close(descriptor_);
    fail(ErrorKind::kPath, "cannot lock '", path, "': ", std::strerror(error));
  }
}

FolderLock::~FolderLock() { ::close(descriptor_); }

LifeSign::~LifeSign() {
  ::unlink(path_.c_str());
  ::close(descriptor_);
}

bool LifeSign::alive(const std::string& folder, const std::string& name) {
  const std::string path = (fs::path(folder) / name).string();
  const int descriptor = ::open(path.c_str(), O_RDWR | O_CLOEXEC);
  if (descriptor < 0) return errno != ENOENT;  // cannot be told: better wait than work twice
  const bool free = ::flock(descriptor, LOCK_EX | LOCK_NB) == 0;
  if (free) ::unlink(path.c_str());
  ::close(descriptor);
  return !free;
}

}  // namespace qprompt::run
