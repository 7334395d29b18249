#include "engine/block.h"

#include <torch/csrc/autograd/custom_function.h>
#include <torch/custom_class.h>

#include "base/aten.h"
#include "engine/impl/attention.h"
#include "engine/impl/fused_block.h"

namespace qprompt::engine {
namespace {

at::Tensor activate(const at::Tensor& h, Activation activation) {
  return activation == Activation::kGelu ? at::gelu(h) : h * at::sigmoid(h * 1.702);
}

/// Whether the engine's own products and loops take x with these weights.
bool multiplies_here(const at::Tensor& x, const at::Tensor& weight) {
  return x.is_cpu() && x.scalar_type() == weight.scalar_type() &&
         (x.scalar_type() == at::kFloat || x.scalar_type() == at::kDouble);
}

/// x Wᵀ by LibTorch, on any device; the weights may have a type of their own.
at::Tensor matrix_product(const at::Tensor& x, const at::Tensor& weight) {
  if (x.scalar_type() == weight.scalar_type()) return at::mm(x, weight.t());
  return at::mm(x.to(weight.scalar_type()), weight.t()).to(x.scalar_type());
}

/// As two passes: one `addmm` with a bias is far slower at few rows.
at::Tensor generic_affine(const at::Tensor& x, const Affine& layer) {
  return matrix_product(x, layer.weight.weight()).add_(layer.bias);
}

at::Tensor product_of(const at::Tensor& x, const FrozenMatrix& weight) {
  const at::Tensor y = at::empty({x.size(0), weight.weight().size(0)}, x.options());  // (N, out)
  weight.apply_transposed(x.contiguous(), y, {});
  return y;
}

struct HeldMatrix : torch::CustomClassHolder {
  FrozenMatrix matrix;
  explicit HeldMatrix(FrozenMatrix held) : matrix(std::move(held)) {}
};

/// `product_of` with a gradient of x.
struct FrozenProduct : torch::autograd::Function<FrozenProduct> {
  using Context = torch::autograd::AutogradContext;
  using Variables = torch::autograd::variable_list;
  static at::Tensor forward(Context* context, const at::Tensor& x,
                            const c10::intrusive_ptr<HeldMatrix>& held) {
    context->saved_data["matrix"] = c10::IValue::make_capsule(held);
    return product_of(x.detach(), held->matrix);
  }
  static Variables backward(Context* context, Variables grads) {
    const auto held = context->saved_data["matrix"].toCapsule();
    const FrozenMatrix& matrix = static_cast<HeldMatrix&>(*held).matrix;
    const at::Tensor grad = grads[0].contiguous();  // (N, out)
    const at::Tensor x_grad = at::empty({grad.size(0), matrix.weight().size(1)}, grad.options());
    matrix.apply(grad, x_grad, {});
    return {x_grad, at::Tensor()};
  }
};

}  // namespace

at::Tensor run_block(const std::shared_ptr<const Block>& block, const at::Tensor& x,
                     const std::shared_ptr<const Sequence>& sequence, const at::Tensor& wanted) {
  if (multiplies_here(x, block->out.weight.weight()))
    return fused_block(block, x, sequence, wanted);
  return generic_block(*block, x, *sequence);
}

at::Tensor normalise(const at::Tensor& x, const LayerNorm& norm) {
  return at::layer_norm(x, {x.size(-1)}, norm.weight, norm.bias, norm.eps, false);
}

at::Tensor times_transposed(const at::Tensor& x, const FrozenMatrix& weight) {
  if (!multiplies_here(x, weight.weight())) return matrix_product(x, weight.weight());
  if (at::GradMode::is_enabled() && x.requires_grad()) {
    return FrozenProduct::apply(x, c10::make_intrusive<HeldMatrix>(weight));
  }
  return product_of(x, weight);
}

at::Tensor affine(const at::Tensor& x, const Affine& layer) {
  return times_transposed(x, layer.weight).add_(layer.bias);
}

at::Tensor generic_block(const Block& block, const at::Tensor& x, const Sequence& sequence) {
  const at::Tensor normal = normalise(x, block.ln_1);  // (T, D)
  AttentionInput input;
  at::Tensor residual = x;
  if (block.last) {
    const at::Tensor read = sequence.read_rows(x.size(0)).to(x.device());
    residual = x.index_select(0, read);  // (Q, D)
    input = {generic_affine(normal.index_select(0, read), block.q),
             generic_affine(normal, block.kv)};
  } else {
    input.a = generic_affine(normal, block.qkv);  // (T, 3D)
  }
  const at::Tensor mid =
      residual + generic_affine(generic_attention(input, sequence), block.out);  // (Q, D)
  const at::Tensor h = generic_affine(normalise(mid, block.ln_2), block.fc);     // (Q, F)
  return mid + generic_affine(activate(h, block.activation), block.proj);
}

}  // namespace qprompt::engine
