// MaPLe on the plain CLIP, as its published code computes it (Khattak et al., "MaPLe: Multi-modal
// Prompt Learning", §3.2): padded texts, autograd through both towers, nothing kept small. Without
// LibTorch's front-end header.
//
// Letters: B images, C classes, n learned rows, J depth, D text width, W image width, E joint
// width, R image side.
#pragma once

#include <ATen/core/Tensor.h>

#include <map>
#include <memory>
#include <string>
#include <vector>

namespace qprompt::plain {

struct MapleOptions {
  int64_t depth = 9;    // J: blocks of each tower that take learned rows
  int64_t n_ctx = 2;    // n
  double rate = 0.002;  // of plain SGD
  uint64_t seed = 0;    // of the start: rows N(0, 0.02²), LibTorch's default for the projections
};

class PlainMaple {
 public:
  // `state` as for PlainBaseline. names[c] are the ids that stand between the learned rows and the
  // end token: what is left of the initial words, the class name, ".". Throws c10::Error on a depth
  // that the towers do not have.
  PlainMaple(const std::map<std::string, at::Tensor>& state, bool quick_gelu,
             const std::vector<std::vector<int64_t>>& names, const MapleOptions& options);
  ~PlainMaple();

  struct Output {
    at::Tensor image, text, logits;  // (B, E) and (C, E), not normalised; (B, C)
  };
  // Normalised pixels (B, 3, R, R); no graph.
  Output forward(const at::Tensor& pixels);
  // Forward, backward and the update of all learned tensors; labels (B) int64. Returns the loss
  // before the update.
  double step(const at::Tensor& pixels, const at::Tensor& labels);

  // Everything learned by the names of MaPLe's checkpoints: prompt_learner.ctx (n, D),
  // prompt_learner.proj.weight (W, D), prompt_learner.proj.bias (W),
  // prompt_learner.compound_prompts_text.0 … J−2 (n, D), and
  // prompt_learner.compound_prompt_projections.0 … J−2 with .weight (W, D) and .bias (W).
  std::map<std::string, at::Tensor> values() const;
  // Those of the last step, under the same names.
  std::map<std::string, at::Tensor> gradients() const;
  // Throws c10::Error unless there is a tensor of the right shape for every name.
  void set_values(const std::map<std::string, at::Tensor>& values);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace qprompt::plain
