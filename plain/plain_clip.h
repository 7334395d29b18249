// CLIP written plainly with LibTorch modules: padded text, autograd everywhere, no tricks.
//
// It shares no code with the library. The tests use it as a second truth, the benchmarks as the
// thing to beat, and tools/make_demo trains the demo's model with it. Parameters carry the names of
// OpenAI's state dict (`visual.conv1.weight`, `transformer.resblocks.0.attn.in_proj_weight`, ...).
//
// Letters: B images, C texts, L text positions, N sequences, S positions of any tower, W tower
// width, D text width, E joint width, R image side, V vocabulary size, H heads.
#pragma once

#include <torch/torch.h>

#include <cstdint>
#include <vector>

namespace qprompt::plain {

// Sizes of a CLIP whose image tower is a ViT. Both widths are multiples of 64: a tower has
// width / 64 heads, as in OpenAI's models.
struct PlainClipConfig {
  int64_t embed_dim = 512;         // E
  int64_t image_resolution = 224;  // R, a multiple of patch_size
  int64_t patch_size = 16;
  int64_t vision_width = 768;
  int64_t vision_layers = 12;
  int64_t context_length = 77;  // the longest text, start and end tokens included
  int64_t vocab_size = 49408;   // V; the last id is the end token
  int64_t text_width = 512;     // D
  int64_t text_layers = 12;
  bool quick_gelu = true;  // x * sigmoid(1.702 x); false: the exact GELU
};

// Additive mask of the text tower: zero on and below the diagonal, minus infinity above.
// (length, length)
torch::Tensor causal_mask(int64_t length, const torch::TensorOptions& options);

class AttentionImpl : public torch::nn::Module {
 public:
  explicit AttentionImpl(int64_t width);
  // x (N, S, W); mask (S, S), added to the scores, or undefined. Returns (N, S, W).
  torch::Tensor forward(const torch::Tensor& x, const torch::Tensor& mask);

  torch::Tensor in_proj_weight;         // (3W, W), rows: queries, keys, values
  torch::Tensor in_proj_bias;           // (3W)
  torch::nn::Linear out_proj{nullptr};  // W -> W

 private:
  int64_t heads_;
};
TORCH_MODULE(Attention);

class MlpImpl : public torch::nn::Module {
 public:
  MlpImpl(int64_t width, bool quick_gelu);
  torch::Tensor forward(const torch::Tensor& x);  // (N, S, W) -> (N, S, W)

  torch::nn::Linear c_fc{nullptr};    // W -> 4W
  torch::nn::Linear c_proj{nullptr};  // 4W -> W

 private:
  bool quick_gelu_;
};
TORCH_MODULE(Mlp);

// x + attention(layer norm), then x + MLP(layer norm).
class BlockImpl : public torch::nn::Module {
 public:
  BlockImpl(int64_t width, bool quick_gelu);
  torch::Tensor forward(torch::Tensor x, const torch::Tensor& mask);  // (N, S, W) -> (N, S, W)

  torch::nn::LayerNorm ln_1{nullptr};
  Attention attn{nullptr};
  torch::nn::LayerNorm ln_2{nullptr};
  Mlp mlp{nullptr};
};
TORCH_MODULE(Block);

class TransformerImpl : public torch::nn::Module {
 public:
  TransformerImpl(int64_t width, int64_t layers, bool quick_gelu);
  torch::Tensor forward(torch::Tensor x, const torch::Tensor& mask);  // (N, S, W) -> (N, S, W)

  std::vector<Block> blocks;  // registered as resblocks.0, resblocks.1, ...
};
TORCH_MODULE(Transformer);

class VisionTowerImpl : public torch::nn::Module {
 public:
  explicit VisionTowerImpl(const PlainClipConfig& config);
  torch::Tensor forward(const torch::Tensor& pixels);  // (B, 3, R, R) -> (B, E)

  torch::nn::Conv2d conv1{nullptr};    // 3 -> W, patch by patch, no bias
  torch::Tensor class_embedding;       // (W)
  torch::Tensor positional_embedding;  // (1 + patches, W)
  torch::nn::LayerNorm ln_pre{nullptr};
  Transformer transformer{nullptr};
  torch::nn::LayerNorm ln_post{nullptr};
  torch::Tensor proj;  // (W, E)
};
TORCH_MODULE(VisionTower);

class PlainClipImpl : public torch::nn::Module {
 public:
  // Parameters start from OpenAI's initial distributions, drawn with `seed`. Throws c10::Error if a
  // width is not a multiple of 64 or the resolution not a multiple of the patch size.
  explicit PlainClipImpl(const PlainClipConfig& config, uint64_t seed = 0);

  // Normalised pixels (B, 3, R, R) -> image features (B, E), not normalised.
  torch::Tensor encode_image(const torch::Tensor& pixels);
  // ids (C, L), int64, L <= context_length, padded with zeros -> text features (C, E), not
  // normalised. The end token, whose row is read, is the largest id of each text.
  torch::Tensor encode_text(const torch::Tensor& ids);
  // The same from embedding rows (C, L, D) to which positions are still to be added, reading row
  // eot (C), int64, of each text. Returns (C, E).
  torch::Tensor encode_text_from_embeddings(const torch::Tensor& rows, const torch::Tensor& eot);

  const PlainClipConfig& config() const { return config_; }

  VisionTower visual{nullptr};
  Transformer transformer{nullptr};
  torch::nn::Embedding token_embedding{nullptr};  // weight (V, D)
  torch::Tensor positional_embedding;             // (context_length, D)
  torch::nn::LayerNorm ln_final{nullptr};
  torch::Tensor text_projection;  // (D, E)
  torch::Tensor logit_scale;      // (), the logarithm of the scale

 private:
  PlainClipConfig config_;
};
TORCH_MODULE(PlainClip);

}  // namespace qprompt::plain
