// The folder of the cache: the user's own, of bounded size. Private to the room.
#pragma once

#include <cstdint>
#include <string>

#include "qprompt/base.h"

namespace qprompt {

/// Makes the folder and what is missing above it, for nobody but the user (0700). False, with a
/// warning, where it cannot be made or belongs to somebody else: then nothing is read from it or
/// kept there.
bool open_cache_folder(const std::string& root, Log& log);

/// Removes the cache's oldest files until those that are left take at most `bytes`. Files that the
/// cache did not write stay. Other processes lose nothing: they make again what they miss.
void trim_cache(const std::string& root, int64_t bytes);

/// Whether a file's name is one that the cache gives: 32 hexadecimal digits, .safetensors.
bool is_cache_file(const std::string& path);

}  // namespace qprompt
