#include "clip/block.h"

#include <ATen/ATen.h>

namespace qprompt::clip {
namespace {
constexpr double kQuick = 1.702;
}

at::Tensor place_vector(const Tensors& weights, const std::string& name, const Placement& where) {
  return weights.at(name).to(where.device);
}

at::Tensor place_matrix(const Tensors& weights, const std::string& name, const Placement& where) {
  return weights.at(name).to(where.device, where.matrices);
}

LayerNorm place_layer_norm(const Tensors& weights, const std::string& name, double eps,
                           const Placement& where) {
  return {place_vector(weights, name + ".weight", where),
          place_vector(weights, name + ".bias", where), eps};
}

Block place_block(const Tensors& weights, const std::string& prefix, const ClipConfig& config,
                  const Placement& where) {
  const auto pair = [&](const std::string& weight, const std::string& bias) {
    return Affine{place_matrix(weights, prefix + weight, where),
                  place_vector(weights, prefix + bias, where)};
  };
  Block block;
  block.activation = config.activation;
  block.ln_1 = place_layer_norm(weights, prefix + "ln_1", config.layer_norm_eps, where);
  block.ln_2 = place_layer_norm(weights, prefix + "ln_2", config.layer_norm_eps, where);
  block.qkv = pair("attn.in_proj_weight", "attn.in_proj_bias");
  block.out = pair("attn.out_proj.weight", "attn.out_proj.bias");
  block.fc = pair("mlp.c_fc.weight", "mlp.c_fc.bias");
  block.proj = pair("mlp.c_proj.weight", "mlp.c_proj.bias");
  if (block.activation == Activation::kQuickGelu) block.fc.bias = block.fc.bias * kQuick;
  return block;
}

at::Tensor normalise(const at::Tensor& x, const LayerNorm& norm) {
  return at::layer_norm(x, {x.size(-1)}, norm.weight, norm.bias, norm.eps, false);
}

at::Tensor times_transposed(const at::Tensor& x, const at::Tensor& weight) {
  if (x.scalar_type() == weight.scalar_type()) return at::mm(x, weight.t());
  return at::mm(x.to(weight.scalar_type()), weight.t()).to(x.scalar_type());
}

at::Tensor affine(const at::Tensor& x, const Affine& layer) {
  return times_transposed(x, layer.weight).add_(layer.bias);
}

at::Tensor add_projection(const at::Tensor& x, const at::Tensor& h, const Affine& layer,
                          double scale) {
  at::Tensor sum = at::add(x, layer.bias);  // (N, D)
  if (h.scalar_type() == layer.weight.scalar_type()) {
    return sum.addmm_(h, layer.weight.t(), 1, scale);
  }
  return sum.add_(times_transposed(h, layer.weight), scale);
}

at::Tensor add_mlp(const at::Tensor& x, const Block& block) {
  at::Tensor h = times_transposed(normalise(x, block.ln_2), block.fc.weight);  // (N, F)
  if (block.activation == Activation::kGelu) {
    return add_projection(x, at::gelu(h.add_(block.fc.bias)), block.proj, 1);
  }
  // x·σ(1.702x) = silu(1.702x) / 1.702: the factors hide in the addition of the bias and in the
  // product that follows, and one fused activation is left.
  h = at::add(block.fc.bias, h, kQuick);
  h = h.requires_grad() ? at::silu(h) : at::silu_(h);
  return add_projection(x, h, block.proj, 1 / kQuick);
}

}  // namespace qprompt::clip
