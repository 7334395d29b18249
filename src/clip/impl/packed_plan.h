// What the rows of packed prompts are and which rows see which: checked once, then plain indices.
#pragma once

#include <ATen/core/Tensor.h>

#include <vector>

#include "qprompt/clip.h"

namespace qprompt::clip {

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

/// Everything the text tower needs to know about one layout of rows. T may be a little more than
/// the prompts' rows: then rows that nobody sees follow them.
struct PackedPlan {
  at::Tensor tokens;        ///< (T) int64: the token, 0 for a learned row
  at::Tensor positions;     ///< (T) int64
  at::Tensor learned_at;    ///< (M) int64: rows that are learned, ascending
  at::Tensor learned_from;  ///< (M) int64: which row of `PackedPrompts::learned` each takes
  at::Tensor read;          ///< (C) int64
  AttentionPlan all_rows;   ///< queries: all T rows
  AttentionPlan read_rows;  ///< queries: the C rows that are read
};

/// Sizes that packed rows must respect.
struct RowLimits {
  int64_t context_length = 0, vocab_size = 0, width = 0, blocks = 0;
};

/// Throws kUsage, saying which row or class is wrong and how.
void check_packed(const PackedPrompts& prompts, const RowLimits& limits);

/// The plan of checked prompts.
PackedPlan plan_packed(const PackedPrompts& prompts);

}  // namespace qprompt::clip
