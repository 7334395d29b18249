// What the rows of packed prompts are and which rows see which: checked once, then plain indices.
#pragma once

#include <ATen/core/Tensor.h>

#include <memory>

#include "engine/row_plan.h"
#include "qprompt/clip.h"

namespace qprompt::clip {

/// Everything the text tower needs to know about one layout of rows. T may be a little more than
/// the prompts' rows: then rows that nobody sees follow them.
struct PackedPlan {
  at::Tensor tokens;        ///< (T) int64: the token, 0 for a learned row
  at::Tensor positions;     ///< (T) int64
  at::Tensor learned_at;    ///< (M) int64: rows that are learned, ascending
  at::Tensor learned_from;  ///< (M) int64: which row of `PackedPrompts::learned` each takes
  std::shared_ptr<const engine::RowPlan> rows;  ///< which rows see which
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
