// Room `learner`: what learners share: class names as rows, words as starts, random starts.
#pragma once

#include <ATen/core/Tensor.h>

#include <string>
#include <vector>

#include "method/method.h"
#include "qprompt/base.h"
#include "qprompt/clip.h"

namespace qprompt {

/// Where the learned rows of one text stand, and the fixed words between them and the class name.
struct TextLayout {
  int64_t first = 0, n_ctx = 0;     ///< learned rows [first, first + n_ctx)
  std::vector<int64_t> words = {};  ///< tokens behind them; only with the class at the end
  ClassPosition position = ClassPosition::kEnd;
};
/// M learned rows where the options say, without words.
TextLayout layout_of(const MethodOptions& options);

/// SOT, learned rows, words, class name, ".", EOT, or as the position says (CoOp,
/// trainers/coop.py). Underscores of the name become spaces. Throws kContent, naming the class,
/// when the text is too long for the model.
std::vector<PackedRow> class_rows(const Clip& clip, const std::string& name,
                                  const TextLayout& layout);
/// The texts of all classes with one layout.
PackedPrompts pack_classes(const Clip& clip, const std::vector<std::string>& names,
                           const TextLayout& layout);
/// The template with `{}` replaced by the name, `_` shown as a space; throws kUsage without `{}`.
std::string fill_template(const std::string& text, const std::string& class_name);
/// Hand-written texts as packed rows, one a class: for zero-shot classification.
PackedPrompts pack_texts(const Clip& clip, const std::vector<std::string>& texts);

/// The start of a context: the words' embeddings, for each class where the shape has classes, or
/// random rows where there are none.
at::Tensor initial_context(const Clip& clip, const MethodOptions& options,
                           const std::vector<int64_t>& shape, Rng& rng);
/// N(0, 0.02²), the start of learned rows without words.
at::Tensor random_rows(const std::vector<int64_t>& shape, Rng& rng);
/// Uniform in ±1/√fan_in, the start of a linear layer's weight and bias (torch.nn.Linear).
at::Tensor random_linear(const std::vector<int64_t>& shape, int64_t fan_in, Rng& rng);

}  // namespace qprompt
