#include "clip/packed_attention.h"

#include <ATen/ATen.h>
#include <ATen/Dispatch.h>
#include <torch/csrc/autograd/custom_function.h>

#include <cmath>
#include <limits>

#include "clip/attention_loops.h"

namespace qprompt::clip {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

/// What the loops need besides the tensors.
struct Links {
  at::Tensor queries;  // (Q, 3) int64
  int64_t links = 0;
  int64_t heads = 1;
};

/// One or two tensors hold q, k and v side by side: qkv (T, 3D) alone, or q (Q, D) and kv (T, 2D).
/// `b` undefined means the first. Works for gradients as for values.
template <class T>
struct Parts {
  T* q;
  T* k;
  T* v;
  int64_t q_stride, kv_stride, width;
  Parts(const at::Tensor& a, const at::Tensor& b) {
    width = b.defined() ? a.size(1) : a.size(1) / 3;
    q = a.data_ptr<T>();
    k = b.defined() ? b.data_ptr<T>() : q + width;
    v = k + width;
    q_stride = a.size(1);
    kv_stride = b.defined() ? b.size(1) : a.size(1);
  }
};

template <class T>
AttentionBuffers<T> buffers_of(const Parts<T>& parts, const Links& links) {
  AttentionBuffers<T> in;
  in.q = parts.q;
  in.k = parts.k;
  in.v = parts.v;
  in.q_stride = parts.q_stride;
  in.kv_stride = parts.kv_stride;
  in.heads = links.heads;
  in.head_width = parts.width / links.heads;
  in.plan = links.queries.data_ptr<int64_t>();
  in.query_count = links.queries.size(0);
  in.links = links.links;
  return in;
}

struct LoopOutput {
  at::Tensor out;            // (Q, D)
  at::Tensor probabilities;  // (heads, links)
};

LoopOutput loops_forward(const at::Tensor& a, const at::Tensor& b, const Links& links) {
  const int64_t width = b.defined() ? a.size(1) : a.size(1) / 3;
  LoopOutput result{at::empty({links.queries.size(0), width}, a.options()),
                    at::empty({links.heads, links.links}, a.options())};
  AT_DISPATCH_FLOATING_TYPES(a.scalar_type(), "attention_forward", [&] {
    attention_forward<scalar_t>(buffers_of(Parts<scalar_t>(a, b), links),
                                result.out.data_ptr<scalar_t>(),
                                result.probabilities.data_ptr<scalar_t>());
  });
  return result;
}

/// Gradients of a (and b, when defined).
std::pair<at::Tensor, at::Tensor> loops_backward(const at::Tensor& a, const at::Tensor& b,
                                                 const Links& links,
                                                 const at::Tensor& probabilities,
                                                 const at::Tensor& out_grad) {
  const at::Tensor grad = out_grad.contiguous();  // (Q, D)
  const at::Tensor a_grad = at::zeros_like(a);
  const at::Tensor b_grad = b.defined() ? at::zeros_like(b) : at::Tensor();
  AT_DISPATCH_FLOATING_TYPES(a.scalar_type(), "attention_backward", [&] {
    const Parts<scalar_t> into(a_grad, b_grad);
    attention_backward<scalar_t>(buffers_of(Parts<scalar_t>(a, b), links),
                                 probabilities.data_ptr<scalar_t>(), grad.data_ptr<scalar_t>(),
                                 {into.q, into.k, into.v});
  });
  return {a_grad, b_grad};
}

void keep(AutogradContext* context, const Links& links) {
  context->saved_data["queries"] = links.queries;
  context->saved_data["links"] = links.links;
  context->saved_data["heads"] = links.heads;
}

Links kept(AutogradContext* context) {
  return {context->saved_data["queries"].toTensor(), context->saved_data["links"].toInt(),
          context->saved_data["heads"].toInt()};
}

struct AllRows : torch::autograd::Function<AllRows> {
  static at::Tensor forward(AutogradContext* context, const at::Tensor& qkv, const Links& links) {
    const LoopOutput result = loops_forward(qkv, {}, links);
    keep(context, links);
    context->save_for_backward({qkv, result.probabilities});
    return result.out;
  }
  static variable_list backward(AutogradContext* context, variable_list grads) {
    const variable_list saved = context->get_saved_variables();
    const auto [grad, none] = loops_backward(saved[0], {}, kept(context), saved[1], grads[0]);
    return {grad, at::Tensor()};
  }
};

struct ReadRows : torch::autograd::Function<ReadRows> {
  static at::Tensor forward(AutogradContext* context, const at::Tensor& q, const at::Tensor& kv,
                            const Links& links) {
    const LoopOutput result = loops_forward(q, kv, links);
    keep(context, links);
    context->save_for_backward({q, kv, result.probabilities});
    return result.out;
  }
  static variable_list backward(AutogradContext* context, variable_list grads) {
    const variable_list saved = context->get_saved_variables();
    const auto [q, kv] = loops_backward(saved[0], saved[1], kept(context), saved[2], grads[0]);
    return {q, kv, at::Tensor()};
  }
};

bool loops_apply(const at::Tensor& tensor) {
  return tensor.is_cpu() &&
         (tensor.scalar_type() == at::kFloat || tensor.scalar_type() == at::kDouble);
}

/// (N, D) → (heads, N, d)
at::Tensor split_heads(const at::Tensor& x, int64_t heads) {
  return x.reshape({x.size(0), heads, -1}).transpose(0, 1);
}

/// True where query and key must not meet: (queries, P + own keys) of one chunk.
at::Tensor chunk_mask(const AttentionPlan& plan, const AttentionPlan::Chunk& chunk,
                      at::Device device) {
  const at::Tensor queries =
      plan.queries.narrow(0, chunk.query_begin, chunk.query_end - chunk.query_begin);  // (q, 3)
  const at::Tensor own = at::arange(chunk.key_begin, chunk.key_end, at::kLong);
  const at::Tensor in_prefix =
      at::arange(plan.prefix, at::kLong).unsqueeze(0) < queries.narrow(1, 0, 1);  // (q, P)
  const at::Tensor in_own =
      (own.unsqueeze(0) >= queries.narrow(1, 1, 1)) & (own.unsqueeze(0) < queries.narrow(1, 2, 1));
  return at::cat({in_prefix, in_own}, 1).logical_not().to(device);
}

}  // namespace

at::Tensor dense_attention(const AttentionInput& input, const AttentionPlan& plan) {
  const double scale = 1 / std::sqrt(static_cast<double>(input.q.size(1) / input.heads));
  std::vector<at::Tensor> parts;  // (queries of the chunk, D)
  for (const AttentionPlan::Chunk& chunk : plan.chunks) {
    const auto keys = [&](const at::Tensor& x) {  // (heads, P + own, d)
      return split_heads(at::cat({x.narrow(0, 0, plan.prefix),
                                  x.narrow(0, chunk.key_begin, chunk.key_end - chunk.key_begin)}),
                         input.heads);
    };
    const int64_t count = chunk.query_end - chunk.query_begin;
    const at::Tensor q = split_heads(input.q.narrow(0, chunk.query_begin, count), input.heads);
    const at::Tensor scores = at::bmm(q * scale, keys(input.k).transpose(1, 2));
    const at::Tensor mask = chunk_mask(plan, chunk, input.q.device());
    const at::Tensor p =
        at::softmax(scores.masked_fill(mask, -std::numeric_limits<double>::infinity()), -1);
    parts.push_back(at::bmm(p, keys(input.v)).transpose(0, 1).reshape({count, input.q.size(1)}));
  }
  return at::cat(parts, 0);
}

at::Tensor attend_all(const at::Tensor& qkv, const AttentionPlan& plan, int64_t heads) {
  if (!loops_apply(qkv)) {
    const std::vector<at::Tensor> parts = qkv.chunk(3, 1);
    return dense_attention({parts[0], parts[1], parts[2], heads}, plan);
  }
  const Links links{plan.queries, plan.links, heads};
  if (!qkv.requires_grad()) return loops_forward(qkv, {}, links).out;
  return AllRows::apply(qkv, links);
}

at::Tensor attend_read(const at::Tensor& q, const at::Tensor& kv, const AttentionPlan& plan,
                       int64_t heads) {
  if (!loops_apply(q)) {
    const std::vector<at::Tensor> parts = kv.chunk(2, 1);
    return dense_attention({q, parts[0], parts[1], heads}, plan);
  }
  const Links links{plan.queries, plan.links, heads};
  if (!q.requires_grad() && !kv.requires_grad()) return loops_forward(q, kv, links).out;
  return ReadRows::apply(q, kv, links);
}

}  // namespace qprompt::clip
