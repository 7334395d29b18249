// What image files hold, by digest, each file read once. Private to the room.
#pragma once

#include <string>
#include <vector>

#include "features/impl/store.h"

namespace qprompt {

/// Digests of the bytes of files below one folder. A file is read when it is first met, and again
/// when its size, its times or its inode changed.
class Contents {
 public:
  /// `folder`: where digests are kept, empty for nowhere; `root`: what the files' paths start with.
  /// What changed within the last `settles` seconds is not kept, since it may change once more
  /// within one tick of the file system's clock.
  Contents(std::string folder, const std::string& root, Log& log, int64_t settles = 3);

  /// The digest of the file `root`/`path`. Throws kPath.
  Digest::Bytes digest(const std::string& path);
  /// Keeps the digests that were made since the last call.
  void save(Log& log);
  /// Files that were read.
  int64_t reads() const { return reads_; }

 private:
  std::string root_;
  int64_t settles_, reads_ = 0;
  RowStore store_;
  std::vector<Digest::Bytes> new_keys_, new_digests_;
};

}  // namespace qprompt
