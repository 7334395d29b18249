// The cache on disk: immutable files of rows, found by key. Private to the room.
#pragma once

#include <ATen/core/Tensor.h>

#include <map>
#include <string>
#include <vector>

#include "qprompt/base.h"
#include "qprompt/weights.h"

namespace qprompt {

/// Rows (E) by key, in one folder that belongs to one model and transform. Processes may read and
/// write it at once: files appear whole, are never changed, and equal rows may stand in two of
/// them.
class FeatureStore {
 public:
  /// `folder` empty: keeps nothing. Damaged files are reported, removed where possible, never used.
  FeatureStore(std::string folder, int64_t width, Log& log);

  /// Copies the row into `row` (E floats); false when it is not there.
  bool find(const Digest::Bytes& key, float* row) const;
  /// Adds rows (n, E) as one new file. A cache that cannot be written is a warning, not an error.
  void add(const std::vector<Digest::Bytes>& keys, const at::Tensor& rows, Log& log);

 private:
  bool load(const std::string& path, Log& log);

  std::string folder_;
  int64_t width_;
  std::vector<at::Tensor> files_;                              ///< each (n, E)
  std::map<Digest::Bytes, std::pair<size_t, int64_t>> where_;  ///< key → file, row
};

}  // namespace qprompt
