#include "engine/impl/attention.h"

#include <ATen/Dispatch.h>

#include <cmath>

#include "base/aten.h"
#include "engine/impl/attention_loops.h"
#include "engine/impl/image_attention.h"

namespace qprompt::engine {
namespace {

/// Where q, k and v begin in the buffers of an input, or of its gradient.
template <class T>
struct Parts {
  T* q;
  T* k;
  T* v;
  int64_t q_stride, kv_stride;
  explicit Parts(const AttentionInput& in) {
    q = in.a.data_ptr<T>();
    k = in.reads_only() ? in.b.data_ptr<T>() : q + in.width();
    v = k + in.width();
    q_stride = in.a.size(1);
    kv_stride = in.reads_only() ? in.b.size(1) : in.a.size(1);
  }
};

const AttentionPlan& plan_of(const AttentionInput& input, const Sequence& sequence) {
  return input.reads_only() ? sequence.packed->read_rows : sequence.packed->all_rows;
}

template <class T>
AttentionBuffers<T> buffers_of(const AttentionInput& input, const Sequence& sequence) {
  const Parts<T> parts(input);
  const AttentionPlan& plan = plan_of(input, sequence);
  AttentionBuffers<T> in;
  in.q = parts.q;
  in.k = parts.k;
  in.v = parts.v;
  in.q_stride = parts.q_stride;
  in.kv_stride = parts.kv_stride;
  in.heads = sequence.heads;
  in.head_width = input.width() / sequence.heads;
  in.plan = plan.queries.data_ptr<int64_t>();
  in.query_count = plan.queries.size(0);
  in.links = plan.links;
  return in;
}

AttentionOutput attend_packed(const AttentionInput& input, const Sequence& sequence) {
  const AttentionPlan& plan = plan_of(input, sequence);
  AttentionOutput result{at::empty({plan.queries.size(0), input.width()}, input.a.options()),
                         at::empty({sequence.heads, plan.links}, input.a.options())};
  AT_DISPATCH_FLOATING_TYPES(input.a.scalar_type(), "attend", [&] {
    attention_forward<scalar_t>(buffers_of<scalar_t>(input, sequence),
                                result.seen.data_ptr<scalar_t>(),
                                result.probabilities.data_ptr<scalar_t>());
  });
  return result;
}

AttentionInput attend_packed_backward(const AttentionInput& input, const Sequence& sequence,
                                      const at::Tensor& probabilities,
                                      const at::Tensor& seen_grad) {
  AttentionInput grads{at::zeros_like(input.a), {}};
  if (input.reads_only()) grads.b = at::zeros_like(input.b);
  AT_DISPATCH_FLOATING_TYPES(input.a.scalar_type(), "attend_backward", [&] {
    const Parts<scalar_t> into(grads);
    attention_backward<scalar_t>(buffers_of<scalar_t>(input, sequence),
                                 probabilities.data_ptr<scalar_t>(), seen_grad.data_ptr<scalar_t>(),
                                 {into.q, into.k, into.v});
  });
  return grads;
}

/// Part `index` of `parts` side by side in x (B·n, parts·D), as (B·heads, n, d).
at::Tensor split(const at::Tensor& x, const Sequence& sequence, int64_t parts, int64_t index) {
  const int64_t n = x.size(0) / sequence.images, d = x.size(1) / parts / sequence.heads;
  return x.view({sequence.images, n, parts, sequence.heads, d})
      .select(2, index)
      .transpose(1, 2)
      .reshape({sequence.images * sequence.heads, n, d});
}

/// (B·heads, n, d) → (B·n, D)
at::Tensor join(const at::Tensor& x, const Sequence& sequence) {
  const int64_t n = x.size(1);
  return x.view({sequence.images, sequence.heads, n, -1})
      .transpose(1, 2)
      .reshape({sequence.images * n, -1});
}

struct Triple {
  at::Tensor q, k, v;  // (B·heads, n, d)
};

Triple split_all(const AttentionInput& in, const Sequence& sequence) {
  if (in.reads_only()) {
    return {split(in.a, sequence, 1, 0), split(in.b, sequence, 2, 0), split(in.b, sequence, 2, 1)};
  }
  return {split(in.a, sequence, 3, 0), split(in.a, sequence, 3, 1), split(in.a, sequence, 3, 2)};
}

double scale_of(const AttentionInput& in, const Sequence& sequence) {
  return 1 / std::sqrt(static_cast<double>(in.width() / sequence.heads));
}

/// The loops' view of an input.
template <class T>
ImageAttention<T> images_of(const AttentionInput& input, const Sequence& sequence) {
  const Parts<T> parts(input);
  const int64_t images = sequence.images;
  const at::Tensor& kv = input.reads_only() ? input.b : input.a;
  ImageAttention<T> in;
  in.q = parts.q;
  in.k = parts.k;
  in.v = parts.v;
  in.q_stride = parts.q_stride;
  in.kv_stride = parts.kv_stride;
  in.images = images;
  in.heads = sequence.heads;
  in.head_width = input.width() / sequence.heads;
  in.queries = input.a.size(0) / images;
  in.keys = kv.size(0) / images;
  return in;
}

AttentionOutput attend_images(const AttentionInput& input, const Sequence& sequence) {
  AttentionOutput result{at::empty({input.a.size(0), input.width()}, input.a.options()), {}};
  AT_DISPATCH_FLOATING_TYPES(input.a.scalar_type(), "attend_images", [&] {
    attend_within_images(images_of<scalar_t>(input, sequence), result.seen.data_ptr<scalar_t>());
  });
  return result;
}

AttentionInput attend_images_backward(const AttentionInput& input, const Sequence& sequence,
                                      const at::Tensor& seen_grad) {
  AttentionInput grads{at::empty_like(input.a), {}};
  if (input.reads_only()) grads.b = at::empty_like(input.b);
  AT_DISPATCH_FLOATING_TYPES(input.a.scalar_type(), "attend_images_backward", [&] {
    const Parts<scalar_t> into(grads);
    attend_within_images_backward<scalar_t>(images_of<scalar_t>(input, sequence),
                                            seen_grad.data_ptr<scalar_t>(),
                                            {into.q, into.k, into.v});
  });
  return grads;
}

at::Tensor generic_images(const AttentionInput& input, const Sequence& sequence) {
  const Triple x = split_all(input, sequence);
  const at::Tensor scores = at::bmm(x.q, x.k.transpose(1, 2)) * scale_of(input, sequence);
  return join(at::bmm(at::softmax(scores, -1), x.v), sequence);
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

/// Dense masked attention chunk by chunk.
at::Tensor generic_packed(const AttentionInput& input, const Sequence& sequence) {
  const AttentionPlan& plan = plan_of(input, sequence);
  const int64_t width = input.width();
  const auto heads_of = [&](const at::Tensor& x) {  // (N, D) → (heads, N, d)
    return x.reshape({x.size(0), sequence.heads, -1}).transpose(0, 1);
  };
  const at::Tensor& kv = input.reads_only() ? input.b : input.a;
  const at::Tensor k = kv.narrow(1, kv.size(1) - 2 * width, width);
  const at::Tensor v = kv.narrow(1, kv.size(1) - width, width);
  const double never = -std::numeric_limits<double>::infinity();
  std::vector<at::Tensor> parts;  // (queries of the chunk, D)
  for (const AttentionPlan::Chunk& chunk : plan.chunks) {
    const auto keys = [&](const at::Tensor& x) {  // (heads, P + own, d)
      return heads_of(at::cat({x.narrow(0, 0, plan.prefix),
                               x.narrow(0, chunk.key_begin, chunk.key_end - chunk.key_begin)}));
    };
    const int64_t count = chunk.query_end - chunk.query_begin;
    const at::Tensor q = heads_of(input.a.narrow(1, 0, width).narrow(0, chunk.query_begin, count));
    const at::Tensor scores = at::bmm(q * scale_of(input, sequence), keys(k).transpose(1, 2));
    const at::Tensor mask = chunk_mask(plan, chunk, scores.device());
    const at::Tensor p = at::softmax(scores.masked_fill(mask, never), -1);
    parts.push_back(at::bmm(p, keys(v)).transpose(0, 1).reshape({count, width}));
  }
  return at::cat(parts, 0);
}

}  // namespace

at::Tensor Sequence::read_rows(int64_t rows) const {
  return packed ? packed->read : at::arange(0, rows, rows / images, at::kLong);
}

AttentionOutput attend(const AttentionInput& input, const Sequence& sequence) {
  return sequence.packed ? attend_packed(input, sequence) : attend_images(input, sequence);
}

AttentionInput attend_backward(const AttentionInput& input, const Sequence& sequence,
                               const at::Tensor& probabilities, const at::Tensor& seen_grad) {
  return sequence.packed ? attend_packed_backward(input, sequence, probabilities, seen_grad)
                         : attend_images_backward(input, sequence, seen_grad);
}

at::Tensor generic_attention(const AttentionInput& input, const Sequence& sequence) {
  return sequence.packed ? generic_packed(input, sequence) : generic_images(input, sequence);
}

}  // namespace qprompt::engine
