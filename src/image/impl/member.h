// Pictures inside tar files, by paths that say where they lie: "shard.tar/@512+20480/000001.jpg".
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "qprompt/base.h"

namespace qprompt::image {

/// A file's part.
struct Member {
  std::string archive;
  int64_t offset = 0, size = 0;
};

/// The part that a path names; nothing where it names a file of its own.
std::optional<Member> member_of(const std::string& path);

/// The bytes of a part. Throws kPath, or kContent where the archive is too short for it.
std::string read_member(const Member& member, const std::string& path);

}  // namespace qprompt::image
