// Room `clip`: one frozen CLIP from any checkpoint layout; packed prompts and images to features.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "checkpoint/config.h"
#include "qprompt/tokenizer.h"
#include "qprompt/weights.h"

namespace qprompt {

/// One row of packed text: a token's frozen embedding (token >= 0) or row `learned` of the learned
/// rows, at `position` of the positional table.
struct PackedRow {
  int64_t token = -1;
  int64_t learned = -1;
  int64_t position = 0;
};

/// The one form in which text reaches the tower. T rows: first P rows that all classes share, then
/// each class's own rows. A class's text is the prefix followed by its span; rows see the prefix
/// and the earlier rows of their own class. Rows after EOT do not exist.
struct PackedPrompts {
  struct Span {
    int64_t begin = 0, end = 0;  ///< rows of the class, [begin, end) within `rows`; may be empty
  };
  std::vector<PackedRow> rows;  ///< T
  int64_t prefix = 0;           ///< P
  std::vector<Span> classes;    ///< C
  std::vector<int64_t> read;    ///< C: the row (index into `rows`) that is the class's EOT
  at::Tensor learned;           ///< (L, D) float, may require gradients; undefined when L = 0
  /// A row of the prefix that becomes learned row `learned`, without position.
  struct Replacement {
    int64_t row = 0, learned = 0;
  };
  /// deep[i]: what is replaced in the input of block i + 1 (MaPLe, §3.2). Fewer than the blocks.
  std::vector<std::vector<Replacement>> deep;
};

/// Learned rows of a ViT: n rows are appended to those of every image, without position, before the
/// first block; before block i < J they become `learned[i]` (Visual Prompt Tuning, §3.2).
struct ImagePrompts {
  at::Tensor learned;  ///< (J, n, image width) float, may require gradients; undefined: none
};

/// Packs the texts of C classes: `texts[c]` are its rows from SOT to EOT, positions not yet set.
/// The prefix is the longest run of leading rows that all classes have in common.
PackedPrompts pack_prompts(const std::vector<std::vector<PackedRow>>& texts);

/// How to open a model.
struct ClipOptions {
  std::string vocab;              ///< explicit vocabulary, or empty to look for one
  std::string device = "cpu";     ///< "cpu", "cuda", "cuda:1"
  std::string dtype = "float32";  ///< arithmetic of the towers: "float32" or "bfloat16"
  std::string activation;         ///< "quick_gelu" or "gelu", before what the files say; or empty
};

/// A frozen CLIP: both towers, tokenizer, fingerprint. Cheap to copy (shared state), const after
/// loading, safe to use from several threads.
class Clip {
 public:
  /// OpenAI `.pt`, a Hugging Face or OpenCLIP folder, a SLIP checkpoint, a `.safetensors`, or the
  /// name of a model that other programs have downloaded (checkpoint/find_model.h).
  /// Throws kPath or kContent; missing, unexpected and wrongly shaped tensors come in one message.
  static Clip load(const std::string& path, const ClipOptions& options);

  const ClipConfig& config() const;
  const Tokenizer& tokenizer() const;
  /// Digest over canonical names, shapes, fp32 values, architecture, activation: equal for every
  /// file layout of one model. Computed when first asked for.
  const Digest::Bytes& fingerprint() const;
  /// τ = exp(logit_scale).
  double logit_scale() const;

  /// Pixels (B, 3, R, R) normalised → features (B, E) float32, not normalised, no graph.
  at::Tensor encode_image(const at::Tensor& pixels) const;
  /// The same through a ViT with learned rows, differentiable in them (kContent without a ViT, or
  /// on other shapes). What backward needs is kept for `image_chunk` images at a time, 0: for all.
  at::Tensor encode_image(const at::Tensor& pixels, const ImagePrompts& prompts,
                          int64_t image_chunk = 0) const;
  /// The most images a chunk that keeps at most `bytes` for backward; at least 1.
  int64_t image_chunk_within(const ImagePrompts& prompts, int64_t bytes) const;
  /// T rows → features (C, E) float32, not normalised; differentiable in `prompts.learned`. What
  /// backward needs is kept for `class_chunk` classes at a time (0: for all): memory is bounded by
  /// the chunk, the gradient stays exact, and a second forward pass is its price.
  at::Tensor encode_text(const PackedPrompts& prompts, int64_t class_chunk = 0) const;
  /// The most classes a chunk that keeps at most `bytes` for backward; at least 1, at most C.
  int64_t class_chunk_within(const PackedPrompts& prompts, int64_t bytes) const;
  /// The type of the towers' arithmetic, as in `ClipOptions`.
  const std::string& dtype() const;
  /// What multiplies with frozen weights here: "oneDNN (brgemm:avx512_core)", "own loops (256
  /// bit)".
  static std::string product();
  /// Token ids → frozen embeddings (n, D) float32.
  at::Tensor token_embeddings(const std::vector<int64_t>& ids) const;
  /// The whole table (V, D); a view, never to be written.
  const at::Tensor& token_table() const;

  struct Impl;

 private:
  explicit Clip(std::shared_ptr<const Impl> impl) : impl_(std::move(impl)) {}
  std::shared_ptr<const Impl> impl_;
};

}  // namespace qprompt
