#include "learner/edits.h"

#include "base/aten.h"
#include "qprompt/base.h"

namespace qprompt {
namespace {

void check_order(const std::vector<RowEdit>& edits, const char* tower) {
  for (size_t i = 0; i < edits.size(); ++i) {
    if (edits[i].block == static_cast<int64_t>(i) && edits[i].rows.defined()) continue;
    fail(ErrorKind::kContent, "edit ", i, " of the ", tower, " tower is not the rows of block ", i,
         "; one a block from block 0 on expected");
  }
}

/// The places of the layout's learned rows in the prefix, by their number.
std::vector<int64_t> places_of(const PackedPrompts& layout, int64_t count) {
  std::vector<int64_t> places(static_cast<size_t>(count), -1);
  for (int64_t row = 0; row < layout.prefix; ++row) {
    const int64_t learned = layout.rows[static_cast<size_t>(row)].learned;
    if (learned >= 0 && learned < count) places[static_cast<size_t>(learned)] = row;
  }
  return places;
}

}  // namespace

PackedPrompts packed(const TextSide& side) {
  if (!side.layout) fail(ErrorKind::kContent, "texts without a layout");
  PackedPrompts out = *side.layout;
  if (side.edits.empty()) return out;
  check_order(side.edits, "text");
  const at::Tensor& first = side.edits.front().rows;  // (n, D), or (C, n, D)
  std::vector<at::Tensor> rows{first.reshape({-1, first.size(-1)})};
  const int64_t count = rows.front().size(0);
  const auto places = side.edits.size() > 1 ? places_of(out, count) : std::vector<int64_t>();
  for (size_t block = 1; block < side.edits.size(); ++block) {
    auto& replaced = out.deep.emplace_back();
    const int64_t before = static_cast<int64_t>(block) * count;
    for (int64_t m = 0; m < count; ++m) {
      replaced.push_back({places[static_cast<size_t>(m)], before + m});
    }
    if (side.edits[block].rows.sizes() != rows.front().sizes()) {
      fail(ErrorKind::kContent, "rows of block ", block, ": shape ", rows.front().sizes(),
           " expected, came ", side.edits[block].rows.sizes());
    }
    rows.push_back(side.edits[block].rows);
  }
  out.learned = rows.size() == 1 ? rows.front() : at::cat(rows, 0);  // (J·n, D)
  return out;
}

ImagePrompts packed(const ImageSide& side) {
  if (side.edits.empty()) return {};
  check_order(side.edits, "image");
  std::vector<at::Tensor> rows;  // J of (n, W)
  for (const RowEdit& edit : side.edits) {
    if (edit.rows.dim() != 2 || edit.rows.sizes() != side.edits.front().rows.sizes()) {
      fail(ErrorKind::kContent, "rows of block ", edit.block, " of the image tower: shape ",
           side.edits.front().rows.sizes(), " expected, came ", edit.rows.sizes());
    }
    rows.push_back(edit.rows);
  }
  return {at::stack(rows)};
}

}  // namespace qprompt
