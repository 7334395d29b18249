// Bytes with an owner: a mapped file, a part of one, or a buffer. Private to the room `weights`.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace qprompt {

struct ByteRange {
  std::string source;                 ///< the file, for messages
  std::shared_ptr<const void> owner;  ///< keeps `data` alive
  const uint8_t* data = nullptr;
  size_t size = 0;
  bool mapped =
      false;  ///< `data` lies in a file mapping, whose pages may be dropped and read again

  std::string_view text() const { return {reinterpret_cast<const char*>(data), size}; }
};

/// Maps a regular file for reading. Throws Error(kPath). A file that is cut short while it is
/// mapped ends the process (SIGBUS); qprompt itself replaces files by renaming and never shortens
/// one.
ByteRange map_file(const std::string& path);

/// Bytes that are already in memory.
ByteRange own_bytes(std::string source, std::string bytes);

/// [offset, offset + size) of `bytes`, with the same owner; the caller has checked the bounds.
ByteRange sub_range(const ByteRange& bytes, size_t offset, size_t size);

/// A contiguous tensor of the first numel(sizes) values of `bytes`: a view that shares the owner,
/// or a copy where the address is not a multiple of the value's size. The caller has checked that
/// the bytes suffice.
at::Tensor tensor_of(const ByteRange& bytes, at::IntArrayRef sizes, at::ScalarType dtype);

/// The number of values of a tensor with these sizes; nothing when a size is negative or when the
/// product, with zeros taken as ones (as strides do), leaves 63 bits.
std::optional<int64_t> checked_numel(at::IntArrayRef sizes);

/// Whether every byte is 0 or 1: anything else is no valid C++ bool.
bool holds_only_bools(const ByteRange& bytes);

/// `text` in quotes for a message: shortened, and without control characters, which a hostile file
/// could use to talk to the terminal.
std::string in_quotes(std::string_view text);

/// A little-endian integer at `at`, which need not be aligned.
template <class Integer>
Integer load_little(const uint8_t* at) {
  Integer value;
  std::memcpy(&value, at, sizeof value);
  return value;
}

}  // namespace qprompt
