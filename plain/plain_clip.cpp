#include "plain_clip.h"

#include <cmath>
#include <limits>
#include <string>

namespace qprompt::plain {
namespace {

constexpr int64_t kHeadWidth = 64;

torch::nn::LayerNorm layer_norm(int64_t width) {
  return torch::nn::LayerNorm(torch::nn::LayerNormOptions({width}));  // eps 1e-5, as OpenAI's
}

// Fills parameters from OpenAI's initial distributions with one generator.
class Initialiser {
 public:
  explicit Initialiser(uint64_t seed) : generator_(at::detail::createCPUGenerator(seed)) {}

  void normal(torch::Tensor parameter, double std) { parameter.normal_(0.0, std, generator_); }

  void linear(const torch::nn::Linear& layer, double std) {
    normal(layer->weight, std);
    layer->bias.zero_();
  }

  void transformer(const Transformer& transformer, int64_t width) {
    const double attention_std = 1.0 / std::sqrt(width);
    const double residual_std =
        attention_std / std::sqrt(2.0 * static_cast<double>(transformer->blocks.size()));
    for (const Block& block : transformer->blocks) {
      normal(block->attn->in_proj_weight, attention_std);
      block->attn->in_proj_bias.zero_();
      linear(block->attn->out_proj, residual_std);
      linear(block->mlp->c_fc, 1.0 / std::sqrt(2.0 * static_cast<double>(width)));
      linear(block->mlp->c_proj, residual_std);
    }
  }

 private:
  at::Generator generator_;
};

void initialise(PlainClipImpl& clip, uint64_t seed) {
  torch::NoGradGuard no_grad;
  const PlainClipConfig& config = clip.config();
  Initialiser init(seed);
  const double vision_std = 1.0 / std::sqrt(config.vision_width);
  init.normal(clip.visual->conv1->weight, 1.0 / (std::sqrt(3.0) * config.patch_size));
  init.normal(clip.visual->class_embedding, vision_std);
  init.normal(clip.visual->positional_embedding, vision_std);
  init.transformer(clip.visual->transformer, config.vision_width);
  init.normal(clip.visual->proj, vision_std);
  init.normal(clip.token_embedding->weight, 0.02);
  init.normal(clip.positional_embedding, 0.01);
  init.transformer(clip.transformer, config.text_width);
  init.normal(clip.text_projection, 1.0 / std::sqrt(config.text_width));
  clip.logit_scale.fill_(std::log(1.0 / 0.07));
}

}  // namespace

torch::Tensor causal_mask(int64_t length, const torch::TensorOptions& options) {
  return torch::full({length, length}, -std::numeric_limits<float>::infinity(), options).triu(1);
}

AttentionImpl::AttentionImpl(int64_t width) : heads_(width / kHeadWidth) {
  TORCH_CHECK(width > 0 && width % kHeadWidth == 0, "tower width ", width,
              ": expected a multiple of ", kHeadWidth);
  in_proj_weight = register_parameter("in_proj_weight", torch::empty({3 * width, width}));
  in_proj_bias = register_parameter("in_proj_bias", torch::empty({3 * width}));
  out_proj = register_module("out_proj", torch::nn::Linear(width, width));
}

torch::Tensor AttentionImpl::forward(const torch::Tensor& x, const torch::Tensor& mask) {
  const int64_t batch = x.size(0), length = x.size(1), width = x.size(2);
  const torch::Tensor qkv =  // (3, N, H, S, 64)
      torch::linear(x, in_proj_weight, in_proj_bias)
          .view({batch, length, 3, heads_, kHeadWidth})
          .permute({2, 0, 3, 1, 4});
  const torch::Tensor queries =
      qkv[0] / std::sqrt(static_cast<double>(kHeadWidth));          // (N, H, S, 64)
  torch::Tensor scores = queries.matmul(qkv[1].transpose(-2, -1));  // (N, H, S, S)
  if (mask.defined()) scores = scores + mask;
  const torch::Tensor mixed = scores.softmax(-1).matmul(qkv[2]);  // (N, H, S, 64)
  return out_proj(mixed.transpose(1, 2).reshape({batch, length, width}));
}

MlpImpl::MlpImpl(int64_t width, bool quick_gelu) : quick_gelu_(quick_gelu) {
  c_fc = register_module("c_fc", torch::nn::Linear(width, 4 * width));
  c_proj = register_module("c_proj", torch::nn::Linear(4 * width, width));
}

torch::Tensor MlpImpl::forward(const torch::Tensor& x) {
  const torch::Tensor hidden = c_fc(x);  // (N, S, 4W)
  return c_proj(quick_gelu_ ? hidden * torch::sigmoid(1.702 * hidden) : torch::gelu(hidden));
}

BlockImpl::BlockImpl(int64_t width, bool quick_gelu) {
  ln_1 = register_module("ln_1", layer_norm(width));
  attn = register_module("attn", Attention(width));
  ln_2 = register_module("ln_2", layer_norm(width));
  mlp = register_module("mlp", Mlp(width, quick_gelu));
}

torch::Tensor BlockImpl::forward(torch::Tensor x, const torch::Tensor& mask) {
  x = x + attn(ln_1(x), mask);
  return x + mlp(ln_2(x));
}

TransformerImpl::TransformerImpl(int64_t width, int64_t layers, bool quick_gelu) {
  torch::nn::ModuleList list = register_module("resblocks", torch::nn::ModuleList());
  for (int64_t i = 0; i < layers; ++i) {
    blocks.emplace_back(width, quick_gelu);
    list->push_back(blocks.back());
  }
}

torch::Tensor TransformerImpl::forward(torch::Tensor x, const torch::Tensor& mask) {
  for (Block& block : blocks) x = block(x, mask);
  return x;
}

VisionTowerImpl::VisionTowerImpl(const PlainClipConfig& config) {
  TORCH_CHECK(config.patch_size > 0 && config.image_resolution % config.patch_size == 0,
              "image resolution ", config.image_resolution,
              ": expected a multiple of the patch size ", config.patch_size);
  const int64_t width = config.vision_width;
  const int64_t grid = config.image_resolution / config.patch_size;
  conv1 = register_module("conv1",
                          torch::nn::Conv2d(torch::nn::Conv2dOptions(3, width, config.patch_size)
                                                .stride(config.patch_size)
                                                .bias(false)));
  class_embedding = register_parameter("class_embedding", torch::empty({width}));
  positional_embedding =
      register_parameter("positional_embedding", torch::empty({1 + grid * grid, width}));
  ln_pre = register_module("ln_pre", layer_norm(width));
  transformer =
      register_module("transformer", Transformer(width, config.vision_layers, config.quick_gelu));
  ln_post = register_module("ln_post", layer_norm(width));
  proj = register_parameter("proj", torch::empty({width, config.embed_dim}));
}

torch::Tensor VisionTowerImpl::forward(const torch::Tensor& pixels) {
  const int64_t batch = pixels.size(0), width = class_embedding.size(0);
  const torch::Tensor patches = conv1(pixels).flatten(2).transpose(1, 2);    // (B, patches, W)
  const torch::Tensor first = class_embedding.expand({batch, 1, width});     // (B, 1, W)
  torch::Tensor x = torch::cat({first, patches}, 1) + positional_embedding;  // (B, 1+patches, W)
  x = transformer(ln_pre(x), torch::Tensor());
  return ln_post(x.select(1, 0)).matmul(proj);
}

PlainClipImpl::PlainClipImpl(const PlainClipConfig& config, uint64_t seed) : config_(config) {
  visual = register_module("visual", VisionTower(config));
  transformer = register_module(
      "transformer", Transformer(config.text_width, config.text_layers, config.quick_gelu));
  token_embedding = register_module("token_embedding",
                                    torch::nn::Embedding(config.vocab_size, config.text_width));
  positional_embedding = register_parameter(
      "positional_embedding", torch::empty({config.context_length, config.text_width}));
  ln_final = register_module("ln_final", layer_norm(config.text_width));
  text_projection =
      register_parameter("text_projection", torch::empty({config.text_width, config.embed_dim}));
  logit_scale = register_parameter("logit_scale", torch::empty({}));
  initialise(*this, seed);
}

torch::Tensor PlainClipImpl::encode_image(const torch::Tensor& pixels) { return visual(pixels); }

torch::Tensor PlainClipImpl::encode_text(const torch::Tensor& ids) {
  return encode_text_from_embeddings(token_embedding(ids), ids.argmax(-1));
}

torch::Tensor PlainClipImpl::encode_text_from_embeddings(const torch::Tensor& rows,
                                                         const torch::Tensor& eot) {
  const int64_t texts = rows.size(0), length = rows.size(1);
  TORCH_CHECK(length <= config_.context_length, "text of ", length, " rows: expected at most ",
              config_.context_length);
  torch::Tensor x = rows + positional_embedding.narrow(0, 0, length);  // (C, L, D)
  x = transformer(x, causal_mask(length, rows.options().requires_grad(false)));
  const torch::Tensor text = torch::arange(texts, eot.options());  // (C)
  const torch::Tensor last = x.index({text, eot});                 // (C, D)
  return ln_final(last).matmul(text_projection);
}

}  // namespace qprompt::plain
