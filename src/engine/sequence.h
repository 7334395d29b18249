// The rows of one call of a tower: packed text, or images.
#pragma once

#include <ATen/core/Tensor.h>

#include <memory>

#include "engine/frozen_matrix.h"
#include "engine/row_plan.h"

namespace qprompt::engine {

/// Who sees whom, and which rows the tower reads at its end.
struct Sequence {
  int64_t heads = 1;
  std::shared_ptr<const RowPlan> packed;  ///< text; null: images
  int64_t images = 0;                     ///< B: rows are those of B images, equally many each

  Packing packing = Packing::kKept;  ///< of the blocks' weights
  bool single_use = false;  ///< backward comes once at most, and drops what was kept as it goes
  /// Buffers whose content no block keeps, by their use; the next block takes them over. They spare
  /// the allocator from a mixture of blocks that stay and blocks that go.
  mutable at::Tensor normal_room, hidden_room;

  /// Rows that are read: EOT of each class, or the class token of each image. int64, CPU.
  at::Tensor read_rows(int64_t rows) const;
};

}  // namespace qprompt::engine
