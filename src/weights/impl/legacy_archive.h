// Torch's files from before 1.6 (`_use_new_zipfile_serialization=False` since): pickles in a row,
// then the storages. Private to the room `weights`.
#pragma once

#include "qprompt/weights.h"
#include "weights/impl/byte_range.h"

namespace qprompt {

/// Whether the file begins with the legacy format's magic number.
bool looks_like_legacy_archive(const ByteRange& file);

/// The value that such a file holds. Tensors are views of `file` where their bytes happen to be
/// aligned, and of copies elsewhere, which take at most the file's size in all. Throws
/// Error(kContent) saying where.
PickleTree parse_legacy_archive(const ByteRange& file);

}  // namespace qprompt
