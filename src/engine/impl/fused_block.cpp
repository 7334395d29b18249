#include "engine/impl/fused_block.h"

#include <ATen/Dispatch.h>
#include <torch/csrc/autograd/custom_function.h>
#include <torch/custom_class.h>

#include "base/aten.h"
#include "engine/impl/attention.h"
#include "engine/impl/row_loops.h"

// What a block computes, for T rows of width D (F: the MLP's width; Q: the rows that are read):
//
//   n = LN₁(x)                      normalised rows, not kept
//   q, k, v = n W + b               kept: `asked`
//   s = attention(q, k, v)          not kept; of text its probabilities are, of images nothing is
//   m = x + s W + b                 kept: `mid`
//   h = LN₂(m) W + b                not kept; its activation's slope is kept in its place
//   y = m + a(h) W + b              the result, which the next block keeps as its own x
//
// Weights are frozen, so backward is one product for every product of forward, each with the same
// matrix the other way, and no more. A product y = n W has the gradient dn = dy Wᵀ, which needs
// neither n nor y: that is why inputs of products are not kept. What is not linear needs a value:
// a layer norm its input with two numbers a row (x and m are kept anyway, for the residual stream
// runs through them), attention q, k and v, and the activation its slope a′(h), which is all that
// dh = da ∘ a′(h) asks for; h itself is never needed again. So 5 D + F values a row are kept, where
// autograd's own graph would keep about twice that. Attention within images computes its
// probabilities a second time, since they would be a quarter of all; those of text are few, since
// segments are short.
//
// The last block differs because of what is read: one row of each class or image (EOT, the class
// token). Every row still gives its key and value, but only Q rows ask, and from there on nothing
// but these Q rows exists: output projection, MLP and both residuals are Q rows, a few per cent of
// T. Its queries therefore have a matrix of their own, apart from keys and values; backward puts
// the gradient of the Q rows back among the T.
namespace qprompt::engine {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;
using Act = Epilogue::Act;

/// What one call keeps for its backward pass.
struct Trace {
  Packing packing = Packing::kKept;  // as in the call's sequence
  at::Tensor x;                      // (T, D)
  at::Tensor stats_1;                // (T, 2): mean and 1/deviation of each row
  AttentionInput asked;              // qkv (T, 3D), or q (Q, D) and kv (T, 2D)
  at::Tensor probabilities;
  at::Tensor mid;      // (Q, D): the residual stream between attention and MLP
  at::Tensor stats_2;  // (Q, 2)
  at::Tensor slope;    // (Q, F): of the activation
};

struct Normalised {
  at::Tensor y;      // (N, D)
  at::Tensor stats;  // (N, 2)
};

/// A buffer (rows, width) in `room`, which grows where it is too small. Its content is whatever the
/// last block left.
at::Tensor borrow(at::Tensor& room, int64_t rows, int64_t width, const at::Tensor& like) {
  const int64_t values = rows * width;
  if (!room.defined() || room.numel() < values) room = at::empty({values}, like.options());
  return room.narrow(0, 0, values).view({rows, width});
}

Normalised fused_norm(const at::Tensor& x, const LayerNorm& norm, const Sequence& sequence) {
  Normalised result{borrow(sequence.normal_room, x.size(0), x.size(1), x),
                    at::empty({x.size(0), 2}, x.options())};
  const int64_t width = x.size(1);
  AT_DISPATCH_FLOATING_TYPES(x.scalar_type(), "layer_norm", [&] {
    const NormLoop<scalar_t> loop{norm.weight.data_ptr<scalar_t>(), norm.bias.data_ptr<scalar_t>(),
                                  static_cast<scalar_t>(norm.eps)};
    for_rows(x.size(0), width, [&](int64_t begin, int64_t end) {
      row_loops<scalar_t>().normalise(x.data_ptr<scalar_t>() + begin * width, loop,
                                      {end - begin, width},
                                      result.y.data_ptr<scalar_t>() + begin * width,
                                      result.stats.data_ptr<scalar_t>() + begin * 2);
    });
  });
  return result;
}

/// add + (∂LN/∂x)ᵀ grad, all (N, D).
at::Tensor norm_backward(const at::Tensor& x, const at::Tensor& stats, const LayerNorm& norm,
                         const at::Tensor& grad, const at::Tensor& add) {
  const at::Tensor result = at::empty_like(x);
  const int64_t width = x.size(1);
  AT_DISPATCH_FLOATING_TYPES(x.scalar_type(), "layer_norm_backward", [&] {
    for_rows(x.size(0), width, [&](int64_t begin, int64_t end) {
      const int64_t at = begin * width;
      row_loops<scalar_t>().normalise_backward(
          x.data_ptr<scalar_t>() + at, stats.data_ptr<scalar_t>() + begin * 2,
          norm.weight.data_ptr<scalar_t>(), {end - begin, width},
          {grad.data_ptr<scalar_t>() + at, add.data_ptr<scalar_t>() + at,
           result.data_ptr<scalar_t>() + at});
    });
  });
  return result;
}

/// x Wᵀ + bias, and what else `then` says.
void product_into(const at::Tensor& y, const at::Tensor& x, const Affine& layer, Epilogue then,
                  Packing packing) {
  then.bias = layer.bias;
  layer.weight.apply_transposed(x, y, then, packing);
}

at::Tensor product(const at::Tensor& x, const Affine& layer, const Epilogue& then,
                   Packing packing) {
  const at::Tensor y = at::empty({x.size(0), layer.bias.size(0)}, x.options());
  product_into(y, x, layer, then, packing);
  return y;
}

/// The gradient's way back through an affine layer.
at::Tensor product_back(const at::Tensor& grad, const Affine& layer, Packing packing,
                        const Epilogue& then = {}) {
  const at::Tensor y = at::empty({grad.size(0), layer.weight.weight().size(1)}, grad.options());
  layer.weight.apply(grad, y, then, packing);
  return y;
}

/// a = a(h), both (N, F); h becomes the slope of a there.
void activate_keeping_slope(const at::Tensor& h, Activation activation, const at::Tensor& a) {
  const int64_t width = h.size(1);
  AT_DISPATCH_FLOATING_TYPES(h.scalar_type(), "activate_keeping_slope", [&] {
    const RowLoops<scalar_t>& loops = row_loops<scalar_t>();
    const auto run = activation == Activation::kGelu ? loops.gelu_slope : loops.quick_gelu_slope;
    for_rows(h.size(0), width, [&](int64_t begin, int64_t end) {
      run({end - begin, width}, h.data_ptr<scalar_t>() + begin * width,
          a.data_ptr<scalar_t>() + begin * width);
    });
  });
}

at::Tensor mlp(const Block& block, const at::Tensor& mid, const Sequence& sequence, Trace* trace) {
  const Normalised normal = fused_norm(mid, block.ln_2, sequence);  // (Q, D)
  const at::Tensor a =
      borrow(sequence.hidden_room, mid.size(0), block.fc.bias.size(0), mid);  // (Q, F)
  if (trace == nullptr) {
    const Act act = block.activation == Activation::kGelu ? Act::kGelu : Act::kQuickGelu;
    product_into(a, normal.y, block.fc, {.act = act}, sequence.packing);
  } else {
    trace->mid = mid;
    trace->stats_2 = normal.stats;
    trace->slope = product(normal.y, block.fc, {}, sequence.packing);
    activate_keeping_slope(trace->slope, block.activation, a);
  }
  return product(a, block.proj, {.add = mid}, sequence.packing);
}

/// Fills `trace` unless it is null. x (T, D) → (T, D) or (Q, D).
at::Tensor forward_block(const Block& block, const at::Tensor& x, const Sequence& sequence,
                         Trace* trace) {
  const Normalised normal = fused_norm(x, block.ln_1, sequence);  // (T, D)
  const Packing packing = sequence.packing;
  AttentionInput asked;
  at::Tensor residual = x;
  if (block.last) {
    const at::Tensor read = sequence.read_rows(x.size(0));
    residual = x.index_select(0, read);  // (Q, D)
    asked = {product(normal.y.index_select(0, read), block.q, {}, packing),
             product(normal.y, block.kv, {}, packing)};
  } else {
    asked.a = product(normal.y, block.qkv, {}, packing);
  }
  const AttentionOutput attention = attend(asked, sequence);
  if (trace != nullptr) {
    trace->packing = packing;
    trace->x = x;
    trace->stats_1 = normal.stats;
    trace->asked = asked;
    trace->probabilities = attention.probabilities;
  }
  return mlp(block, product(attention.seen, block.out, {.add = residual}, packing), sequence,
             trace);
}

/// The gradient of the middle of the residual stream: (Q, D) → (Q, D).
at::Tensor mlp_backward(const Block& block, const Trace& trace, const at::Tensor& grad) {
  const at::Tensor h_grad =
      product_back(grad, block.proj, trace.packing, {.times = trace.slope});  // (Q, F)
  return norm_backward(trace.mid, trace.stats_2, block.ln_2,
                       product_back(h_grad, block.fc, trace.packing), grad);
}

/// The gradient of x for the wanted rows alone: the others' is zero.
at::Tensor wanted_rows(const Block& block, const Trace& trace, const at::Tensor& qkv_grad,
                       const at::Tensor& mid_grad, const at::Tensor& wanted) {
  const auto take = [&](const at::Tensor& t) { return t.index_select(0, wanted); };
  const at::Tensor rows =
      norm_backward(take(trace.x), take(trace.stats_1), block.ln_1,
                    product_back(take(qkv_grad), block.qkv, trace.packing), take(mid_grad));
  return at::zeros_like(trace.x).index_copy_(0, wanted, rows);
}

at::Tensor backward_block(const Block& block, const Trace& trace, const Sequence& sequence,
                          const at::Tensor& grad, const at::Tensor& wanted) {
  const at::Tensor mid_grad = mlp_backward(block, trace, grad.contiguous());  // (Q, D)
  const AttentionInput asked = attend_backward(trace.asked, sequence, trace.probabilities,
                                               product_back(mid_grad, block.out, trace.packing));
  if (!block.last) {
    if (wanted.defined()) return wanted_rows(block, trace, asked.a, mid_grad, wanted);
    return norm_backward(trace.x, trace.stats_1, block.ln_1,
                         product_back(asked.a, block.qkv, trace.packing), mid_grad);
  }
  const at::Tensor read = sequence.read_rows(trace.x.size(0));
  at::Tensor normal_grad = product_back(asked.b, block.kv, trace.packing);  // (T, D)
  normal_grad.index_add_(0, read, product_back(asked.a, block.q, trace.packing));
  const at::Tensor residual = at::zeros_like(trace.x).index_add_(0, read, mid_grad);
  return norm_backward(trace.x, trace.stats_1, block.ln_1, normal_grad, residual);
}

/// One call, as the autograd graph holds it.
struct Call : torch::CustomClassHolder {
  std::shared_ptr<const Block> block;
  std::shared_ptr<const Sequence> sequence;
  at::Tensor wanted;  // int64, or undefined
  Trace trace;
};

struct FrozenBlock : torch::autograd::Function<FrozenBlock> {
  static at::Tensor forward(AutogradContext* context, const at::Tensor& x,
                            const c10::intrusive_ptr<Call>& call) {
    const at::Tensor y = forward_block(*call->block, x.detach(), *call->sequence, &call->trace);
    context->saved_data["call"] = c10::IValue::make_capsule(call);
    return y;
  }
  static variable_list backward(AutogradContext* context, variable_list grads) {
    const auto holder = context->saved_data["call"].toCapsule();
    Call& call = static_cast<Call&>(*holder);
    const Trace trace = call.sequence->single_use ? std::move(call.trace) : call.trace;
    return {backward_block(*call.block, trace, *call.sequence, grads[0], call.wanted),
            at::Tensor()};
  }
};

}  // namespace

at::Tensor fused_block(const std::shared_ptr<const Block>& block, const at::Tensor& x,
                       const std::shared_ptr<const Sequence>& sequence, const at::Tensor& wanted) {
  const at::Tensor rows = x.contiguous();
  if (!at::GradMode::is_enabled() || !x.requires_grad()) {
    return forward_block(*block, rows.detach(), *sequence, nullptr);
  }
  auto call = c10::make_intrusive<Call>();
  call->block = block;
  call->sequence = sequence;
  call->wanted = wanted;
  return FrozenBlock::apply(rows, call);
}

KeptValues kept_values(const Block& block, int64_t heads) {
  const int64_t width = block.out.bias.size(0), hidden = block.fc.bias.size(0);
  return {5 * width + hidden + 4, heads};
}

}  // namespace qprompt::engine
