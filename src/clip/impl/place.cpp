#include "clip/impl/place.h"

#include "base/aten.h"
#include "qprompt/base.h"

namespace qprompt::clip {

using engine::Affine;
using engine::Block;
using engine::Blocks;
using engine::FrozenMatrix;
using engine::LayerNorm;

namespace {

Affine rows_of(const Affine& layer, int64_t begin, int64_t count) {
  return {FrozenMatrix(layer.weight.weight().narrow(0, begin, count)),
          layer.bias.narrow(0, begin, count)};
}

}  // namespace

at::Tensor place_vector(const Tensors& weights, const std::string& name, const Placement& where) {
  return weights.at(name).to(where.device);
}

at::Tensor place_matrix(const Tensors& weights, const std::string& name, const Placement& where) {
  return weights.at(name).to(where.device, where.matrices);
}

Affine place_affine(const Tensors& weights, const std::string& weight, const std::string& bias,
                    const Placement& where) {
  return {FrozenMatrix(place_matrix(weights, weight, where)), place_vector(weights, bias, where)};
}

LayerNorm place_layer_norm(const Tensors& weights, const std::string& name, double eps,
                           const Placement& where) {
  return {place_vector(weights, name + ".weight", where),
          place_vector(weights, name + ".bias", where), eps};
}

Blocks place_blocks(const Tensors& weights, const std::string& prefix, int64_t count,
                    const ClipConfig& config, const Placement& where) {
  Blocks blocks;
  for (int64_t i = 0; i < count; ++i) {
    const std::string name = cat(prefix, i, ".");
    const auto layer = [&](const std::string& weight, const std::string& bias) {
      return place_affine(weights, name + weight, name + bias, where);
    };
    Block block;
    block.activation = config.activation;
    block.ln_1 = place_layer_norm(weights, name + "ln_1", config.layer_norm_eps, where);
    block.ln_2 = place_layer_norm(weights, name + "ln_2", config.layer_norm_eps, where);
    block.last = i + 1 == count;
    const Affine qkv = layer("attn.in_proj_weight", "attn.in_proj_bias");
    const int64_t width = qkv.bias.size(0) / 3;
    if (block.last) {
      block.q = rows_of(qkv, 0, width);
      block.kv = rows_of(qkv, width, 2 * width);
    } else {
      block.qkv = qkv;
    }
    block.out = layer("attn.out_proj.weight", "attn.out_proj.bias");
    block.fc = layer("mlp.c_fc.weight", "mlp.c_fc.bias");
    block.proj = layer("mlp.c_proj.weight", "mlp.c_proj.bias");
    blocks.push_back(std::make_shared<const Block>(std::move(block)));
  }
  return blocks;
}

}  // namespace qprompt::clip
