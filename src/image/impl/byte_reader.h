// Bytes of a file in memory, read in order; asking for more than there is means a truncated file.
#pragma once

#include "image/impl/codec.h"

namespace qprompt::image {

class ByteReader {
 public:
  ByteReader(const Source& source, std::string_view format)
      : source_(source), format_(format), rest_(source.bytes) {}

  uint8_t byte() { return static_cast<uint8_t>(take(1)[0]); }
  std::string_view take(size_t count) {
    if (count > rest_.size()) fail_truncated(source_, format_);
    const std::string_view taken = rest_.substr(0, count);
    rest_.remove_prefix(count);
    return taken;
  }
  /// A little-endian number of two or four bytes.
  uint32_t u16() { return number(2); }
  uint32_t u32() { return number(4); }
  bool at_end() const { return rest_.empty(); }
  size_t position() const { return source_.bytes.size() - rest_.size(); }
  void seek(size_t position) {
    if (position > source_.bytes.size()) fail_truncated(source_, format_);
    rest_ = source_.bytes.substr(position);
  }
  template <class... Why>
  [[noreturn]] void refuse(const Why&... why) const {
    fail_broken(source_, format_, cat(why...));
  }

 private:
  uint32_t number(size_t count) {
    uint32_t value = 0;
    const std::string_view bytes = take(count);
    for (size_t i = count; i-- > 0;) value = value << 8 | static_cast<uint8_t>(bytes[i]);
    return value;
  }

  const Source& source_;
  std::string_view format_, rest_;
};

}  // namespace qprompt::image
