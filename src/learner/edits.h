// Room `learner`: what a learner gives to the towers.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <memory>
#include <vector>

#include "qprompt/clip.h"

namespace qprompt {

/// Learned rows that enter a tower in the input of one block.
struct RowEdit {
  int64_t block = 0;  ///< counted from 0
  /// (n, D) in the text tower, where block 0 also takes rows private to a class, (C, n, D); (n, W)
  /// in the image tower. Float, may require gradients.
  at::Tensor rows;
};

/// The texts of C classes and what is learned in them. Edits come one a block from block 0 on;
/// those of deeper blocks, which the classes must share, take the place of the rows that came in at
/// 0.
struct TextSide {
  /// SOT to EOT of every class, with numbered places for the rows of block 0 (`learned`).
  std::shared_ptr<const PackedPrompts> layout;
  std::vector<RowEdit> edits;  ///< empty: the texts are fixed
};

/// What an image is encoded with: n rows behind those of each image, one edit a block from block 0
/// on, all of one shape. Empty: the tower as it is.
struct ImageSide {
  std::vector<RowEdit> edits;
};

/// As the text tower takes it. Throws kContent on edits that are no rows of the layout.
PackedPrompts packed(const TextSide& side);
/// As the image tower takes it. Throws kContent on edits of several shapes.
ImagePrompts packed(const ImageSide& side);

}  // namespace qprompt
