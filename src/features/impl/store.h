// The cache on disk: immutable files of rows, found by key. Private to the room.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstring>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "qprompt/base.h"
#include "qprompt/weights.h"

namespace qprompt {

/// Rows of so many bytes by key, in one folder that belongs to one kind of rows. Processes may read
/// and write it at once: files appear whole, are never changed, and equal rows may stand in two of
/// them.
class RowStore {
 public:
  /// `folder` empty: keeps nothing. Damaged files are reported, removed where possible, never used.
  RowStore(std::string folder, int64_t row_bytes, Log& log);

  /// Copies the row; false when it is not there.
  bool find(const Digest::Bytes& key, void* row) const;
  /// Adds rows (n, row_bytes) uint8 as one new file. A cache that cannot be written is a warning,
  /// not an error.
  void add(const std::vector<Digest::Bytes>& keys, const at::Tensor& rows, Log& log);
  bool keeps() const { return !folder_.empty(); }

 private:
  struct First {  // keys are digests already
    size_t operator()(const Digest::Bytes& key) const {
      size_t value;
      std::memcpy(&value, key.data(), sizeof value);
      return value;
    }
  };
  bool load(const std::string& path, Log& log);

  std::string folder_;
  int64_t row_bytes_;
  std::vector<at::Tensor> files_;  ///< each (n, row_bytes) uint8
  std::unordered_map<Digest::Bytes, std::pair<size_t, int64_t>, First> where_;  ///< key → file, row
};

}  // namespace qprompt
