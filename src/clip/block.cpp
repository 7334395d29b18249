#include "clip/block.h"

#include "base/aten.h"
#include "clip/fused_block.h"

namespace qprompt::clip {
namespace {

Affine rows_of(const Affine& layer, int64_t begin, int64_t count) {
  return {FrozenMatrix(layer.weight.weight().narrow(0, begin, count)),
          layer.bias.narrow(0, begin, count)};
}

at::Tensor activate(const at::Tensor& h, Activation activation) {
  return activation == Activation::kGelu ? at::gelu(h) : h * at::sigmoid(h * 1.702);
}

bool fused_applies(const Block& block, const at::Tensor& x) {
  const at::Tensor& weight = block.out.weight.weight();
  return x.is_cpu() && x.scalar_type() == weight.scalar_type() &&
         (x.scalar_type() == at::kFloat || x.scalar_type() == at::kDouble);
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

at::Tensor run_block(const std::shared_ptr<const Block>& block, const at::Tensor& x,
                     const std::shared_ptr<const Sequence>& sequence, const at::Tensor& wanted) {
  if (fused_applies(*block, x)) return fused_block(block, x, sequence, wanted);
  return generic_block(*block, x, *sequence);
}

at::Tensor normalise(const at::Tensor& x, const LayerNorm& norm) {
  return at::layer_norm(x, {x.size(-1)}, norm.weight, norm.bias, norm.eps, false);
}

at::Tensor times_transposed(const at::Tensor& x, const at::Tensor& weight) {
  if (x.scalar_type() == weight.scalar_type()) return at::mm(x, weight.t());
  return at::mm(x.to(weight.scalar_type()), weight.t()).to(x.scalar_type());
}

at::Tensor affine(const at::Tensor& x, const Affine& layer) {
  return times_transposed(x, layer.weight.weight()).add_(layer.bias);
}

at::Tensor generic_block(const Block& block, const at::Tensor& x, const Sequence& sequence) {
  const at::Tensor normal = normalise(x, block.ln_1);  // (T, D)
  AttentionInput input;
  at::Tensor residual = x;
  if (block.last) {
    const at::Tensor read = sequence.read_rows(x.size(0)).to(x.device());
    residual = x.index_select(0, read);  // (Q, D)
    input = {affine(normal.index_select(0, read), block.q), affine(normal, block.kv)};
  } else {
    input.a = affine(normal, block.qkv);  // (T, 3D)
  }
  const at::Tensor mid =
      residual + affine(generic_attention(input, sequence), block.out);  // (Q, D)
  const at::Tensor h = affine(normalise(mid, block.ln_2), block.fc);     // (Q, F)
  return mid + affine(activate(h, block.activation), block.proj);
}

}  // namespace qprompt::clip
