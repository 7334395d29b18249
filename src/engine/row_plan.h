// Which rows of packed text see which: plain indices, made once for a layout.
#pragma once

#include <ATen/core/Tensor.h>

#include <vector>

namespace qprompt::engine {

/// Which keys each of Q query rows sees: rows [0, p) of the shared prefix and its class's own rows
/// [begin, end), the query's own row being the last of them.
struct AttentionPlan {
  /// Consecutive queries whose own keys all lie in rows [key_begin, key_end).
  struct Chunk {
    int64_t query_begin = 0, query_end = 0;
    int64_t key_begin = 0, key_end = 0;
  };
  at::Tensor queries;         ///< (Q, 3) int64, CPU: p, begin, end
  int64_t prefix = 0;         ///< P
  int64_t links = 0;          ///< Σ over queries of the keys seen
  std::vector<Chunk> chunks;  ///< for dense masked attention where it runs chunk by chunk
};

/// The attention of a layout of T rows.
struct RowPlan {
  AttentionPlan all_rows;   ///< queries: all T rows
  AttentionPlan read_rows;  ///< queries: the C rows that are read
  at::Tensor read;          ///< (C) int64, CPU: the rows that are read
};

}  // namespace qprompt::engine
