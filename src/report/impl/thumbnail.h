// Small pictures inside a page. Private to the room.
#pragma once

#include <string>

namespace qprompt::report {

/// The image in a square of `side` pixels, cut to its middle, as a data: URI of a JPEG; empty where
/// it cannot be read.
std::string thumbnail(const std::string& path, int64_t side);

/// RFC 4648, §4.
std::string base64(const std::string& bytes);

}  // namespace qprompt::report
