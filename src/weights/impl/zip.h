// A reader of zip archives that trusts nothing. Private to the room `weights`.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "weights/impl/byte_range.h"

namespace qprompt {

struct ZipEntry {
  uint16_t method = 0;  ///< 0 stored, 8 deflated
  uint32_t crc = 0;     ///< of the content; 0 where the writer left it out
  uint64_t packed = 0;  ///< bytes in the archive
  uint64_t size = 0;    ///< bytes of the content
  uint64_t header = 0;  ///< where its local header begins
  uint64_t offset = 0;  ///< where its packed bytes begin
};

/// Reads the central directory and checks it against every local header: each entry lies inside the
/// archive, none overlaps another, no name comes twice. Nothing is ever extracted to a path, so
/// that names such as "../x" are only names. Every error is Error(kContent).
class ZipReader {
 public:
  explicit ZipReader(ByteRange file);

  const std::map<std::string, ZipEntry>& entries() const { return entries_; }
  const ByteRange& file() const { return file_; }

  /// The content with its CRC-32 checked: a view of the archive when stored, a buffer when
  /// deflated. All deflated contents together are bounded by a multiple of the archive's size.
  ByteRange read(const std::string& name);

 private:
  struct Directory {
    uint64_t offset = 0, size = 0, count = 0;
  };
  Directory find_directory() const;
  Directory read_zip64(uint64_t end_record) const;
  void read_directory(const Directory& directory);
  void read_zip64_extra(const ByteRange& extra, const std::string& name, ZipEntry& entry) const;
  void read_local_header(const std::string& name, ZipEntry& entry) const;
  void check_overlaps(uint64_t directory) const;
  ByteRange inflate_entry(const std::string& name, const ZipEntry& entry);
  template <class... Args>
  [[noreturn]] void damaged(const Args&... what) const;

  ByteRange file_;
  std::map<std::string, ZipEntry> entries_;
  uint64_t inflate_left_;
};

}  // namespace qprompt
