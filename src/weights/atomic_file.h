// A file that appears whole or not at all, written in pieces. Private to the room `weights`.
#pragma once

#include <cstddef>
#include <string>

namespace qprompt {

/// Like base's write_file_atomic, for contents that should not be in memory twice.
class AtomicFile {
 public:
  /// Opens a file beside `path`. Throws Error(kPath).
  explicit AtomicFile(std::string path);
  /// Removes what was written unless it was committed.
  ~AtomicFile();
  AtomicFile(const AtomicFile&) = delete;
  AtomicFile& operator=(const AtomicFile&) = delete;

  void write(const void* data, size_t bytes);
  /// Syncs and renames to `path`.
  void commit();

 private:
  [[noreturn]] void fail_errno(const char* doing, int error) const;

  std::string path_, aside_;
  int fd_ = -1;
  bool committed_ = false;
};

}  // namespace qprompt
