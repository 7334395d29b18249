#include "exchange/nearest_words.h"

#include <tuple>

#include "base/aten.h"

namespace qprompt {

NearWords nearest_words(const Clip& clip, const TrainedPrompt& prompt, int64_t count) {
  const at::NoGradGuard no_grad;
  if (prompt.width != clip.config().text_width) {
    fail(ErrorKind::kContent, "the prompt's width is ", prompt.width, ", this CLIP's text tower's ",
         clip.config().text_width, "; the file is damaged");
  }
  const StoredTensor& ctx = prompt.tensor("ctx");
  const at::Tensor rows =
      at::tensor(ctx.values(), at::kFloat).view({-1, prompt.width});     // (M, D) or (C·M, D)
  const at::Tensor table = clip.token_table().to(at::kCPU, at::kFloat);  // (V, D)
  const at::Tensor distances = at::cdist(rows, table);                   // (M, V)
  const auto [near, ids] = distances.topk(std::min<int64_t>(count, table.size(0)), 1, false);
  NearWords out;
  for (int64_t m = 0; m < rows.size(0); ++m) {
    auto& words = out.emplace_back();
    for (int64_t j = 0; j < near.size(1); ++j) {
      words.push_back(
          {clip.tokenizer().token_text(ids[m][j].item<int64_t>()), near[m][j].item<double>()});
    }
  }
  return out;
}

}  // namespace qprompt
