// Files that appear whole or not at all, and folders that one process at a time writes in.
#pragma once

#include <cstddef>
#include <string>

namespace qprompt {

/// A file written in pieces, which appears under its name at `commit` and not before. What stood
/// there stays until then. A symbolic link is followed, so that the link stays; a character device
/// or a pipe (also /dev/stdout and /dev/fd/N) is written into as the pieces come; anything else
/// that is no plain file is refused.
///
/// Until `commit` the pieces lie beside the file, as NAME.tmp-<16 random hexadecimal digits>. What
/// a killed process left under such a name, untouched for an hour, goes when the same file is
/// written again.
class AtomicFile {
 public:
  /// Opens a file beside `path`. Throws Error(kPath).
  explicit AtomicFile(std::string path);
  /// Removes what was written unless it was committed.
  ~AtomicFile();
  AtomicFile(const AtomicFile&) = delete;
  AtomicFile& operator=(const AtomicFile&) = delete;

  /// Throws Error(kPath): disk full, broken pipe, …
  void write(const void* data, size_t bytes);
  /// Syncs and renames. Throws Error(kPath); then nothing has changed.
  void commit();

 private:
  [[noreturn]] void fail_errno(const char* doing, int error) const;
  void open_special();
  void open_aside();

  std::string path_;    ///< as it was given, for messages
  std::string target_;  ///< links followed; empty: written into as it is
  std::string aside_;
  int fd_ = -1;
  bool committed_ = false;
};

/// One writer in a folder at a time, over all processes of this machine (and of others, where the
/// file system keeps locks for them). Released when it goes, or when the process ends, however.
class FolderLock {
 public:
  /// The folder must exist. Throws Error(kPath) naming it when another process has it.
  explicit FolderLock(const std::string& folder);
  ~FolderLock();
  FolderLock(const FolderLock&) = delete;
  FolderLock& operator=(const FolderLock&) = delete;
  /// False where the file system keeps no locks, so that nothing is guarded.
  bool held() const { return held_; }

 private:
  int fd_ = -1;
  bool held_ = false;
};

/// Throws Error(kUsage) when both paths are one file, links followed, so that writing the second
/// would end the first. Devices and pipes may be both.
void check_not_same_file(const std::string& in, const std::string& out);

}  // namespace qprompt
