// Private to `artifact`: bytes that anyone may have made. Every count is held against the bytes
// that are there before it is used.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "qprompt/artifact.h"

namespace qprompt::artifact {

/// The lowest byte first.
uint64_t little_endian(std::string_view bytes);

class Reader {
 public:
  /// Both must outlive it; `name` stands for the file.
  Reader(std::string_view bytes, const std::string& name) : bytes_(bytes), name_(name) {}

  size_t at() const { return at_; }
  size_t left() const { return bytes_.size() - at_; }
  /// The next `count` bytes.
  std::string_view take(size_t count, std::string_view what);
  uint64_t number(size_t size, std::string_view what);
  /// LEB128 of at most `most` bytes (10 hold 64 bits), and no longer than it needs to be.
  uint64_t varint(std::string_view what, int most = 5);
  /// A text of so many bytes.
  std::string text(size_t size, std::string_view what);
  /// A text behind its length.
  std::string text(std::string_view what) { return text(varint(what), what); }
  [[noreturn]] void refuse(const std::string& why) const { refuse_at(at_, why); }
  [[noreturn]] void refuse_at(size_t at, const std::string& why) const {
    fail(ErrorKind::kContent, "'", name_, "': byte ", at, ": ", why);
  }
  /// Runs a check of what began at byte `from`, and says so when it fails.
  template <class Check>
  void checked(size_t from, Check check) const {
    try {
      check();
    } catch (const Error& error) {
      refuse_at(from, error.what());
    }
  }

 private:
  std::string_view bytes_;
  const std::string& name_;
  size_t at_ = 0;
};

/// Tensors as both versions hold them, but for the size of an axis and the number of codebooks.
std::vector<StoredTensor> read_tensors(Reader& in, size_t count, int version);
/// Class names that fill a section of `size` bytes.
std::vector<std::string> read_class_names(Reader& in, size_t size);

/// What stands behind magic, version, number of tensors and length: head, tensors, sections.
TrainedPrompt read_version_one(Reader& in, size_t tensors);
TrainedPrompt read_version_two(Reader& in, size_t tensors);

}  // namespace qprompt::artifact
