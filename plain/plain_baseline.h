// The plain CLIP as benchmarks and tests use it: frozen, from a state dict, without LibTorch's
// front-end header. One step of CoOp as its published code does it.
//
// Letters: B images, C classes, L text positions (77), M context rows, D text width, E joint width.
#pragma once

#include <ATen/core/Tensor.h>

#include <map>
#include <memory>
#include <string>
#include <vector>

namespace qprompt::plain {

// The texts of CoOp's classes: start token, M context rows, class name, ".", end token, zeros.
struct CoopTexts {
  at::Tensor ids;  // (C, L) int64, any token where the context stands
  at::Tensor eot;  // (C) int64, the row of the end token
};

class PlainBaseline {
 public:
  // `state` carries OpenAI's names; sizes come from its shapes, a ViT is expected. The weights are
  // shared, not copied, and frozen. Throws c10::Error on a missing or wrongly shaped tensor.
  PlainBaseline(const std::map<std::string, at::Tensor>& state, bool quick_gelu);
  ~PlainBaseline();

  // Normalised pixels (B, 3, R, R) -> (B, E), no graph.
  at::Tensor encode_image(const at::Tensor& pixels);
  // ids (C, L) int64 -> (C, E), no graph.
  at::Tensor encode_text(const at::Tensor& ids);

  // Pads each class's token ids, with room for M context rows after the start token.
  CoopTexts coop_texts(const std::vector<std::vector<int64_t>>& names, int64_t n_ctx) const;
  // Forward, backward and the update of `context` (M, D) by plain SGD at this rate; `image` (B, E)
  // is normalised, `labels` (B) int64. Returns the loss before the update.
  double coop_step(const CoopTexts& texts, at::Tensor& context, const at::Tensor& image,
                   const at::Tensor& labels);
  double rate = 0.002;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace qprompt::plain
