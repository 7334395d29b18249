#include "engine/block.h"

#include "base/aten.h"
#include "engine/impl/attention.h"
#include "engine/impl/fused_block.h"

namespace qprompt::engine {
namespace {

at::Tensor activate(const at::Tensor& h, Activation activation) {
  return activation == Activation::kGelu ? at::gelu(h) : h * at::sigmoid(h * 1.702);
}

bool fused_applies(const Block& block, const at::Tensor& x) {
  const at::Tensor& weight = block.out.weight.weight();
  return x.is_cpu() && x.scalar_type() == weight.scalar_type() &&
         (x.scalar_type() == at::kFloat || x.scalar_type() == at::kDouble);
}

}  // namespace

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

}  // namespace qprompt::engine
