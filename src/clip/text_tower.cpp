#include "clip/text_tower.h"

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>
#include <torch/csrc/autograd/autograd.h>
#include <torch/csrc/autograd/custom_function.h>
#include <torch/custom_class.h>

#include "clip/fused_block.h"

namespace qprompt::clip {
namespace {

constexpr int64_t kGroupRows = 4096;  // own rows a group without a graph aims at

/// Rows as the first block takes them: frozen embedding or learned row, plus position. (T, D)
at::Tensor assemble(const TextTower& tower, const PackedPrompts& prompts, const PackedPlan& plan) {
  const at::Device device = tower.table.device();
  at::Tensor x = tower.table.index_select(0, plan.tokens.to(device));  // (T, D)
  const bool learns = plan.learned_at.numel() > 0;
  const at::Tensor at_rows = plan.learned_at.to(device);
  if (learns) x.index_fill_(0, at_rows, 0);
  x.add_(tower.positions.index_select(0, plan.positions.to(device)));
  if (!learns) return x;
  const at::Tensor learned = prompts.learned.to(device, x.scalar_type())
                                 .index_select(0, plan.learned_from.to(device));  // (M, D)
  return x.index_add(0, at_rows, learned);
}

at::Tensor run_group(const TextTower& tower, const PackedPrompts& prompts) {
  auto sequence = std::make_shared<Sequence>();
  sequence->heads = tower.heads;
  sequence->packed = std::make_shared<const PackedPlan>(plan_packed(prompts));
  at::Tensor x = assemble(tower, prompts, *sequence->packed);  // (T, D)
  const at::Tensor& learned_rows = sequence->packed->learned_at;
  for (size_t i = 0; i < tower.blocks.size(); ++i) {
    x = run_block(tower.blocks[i], x, sequence, i == 0 ? learned_rows : at::Tensor());
  }
  return times_transposed(normalise(x, tower.ln_final), tower.projection);  // (C, E)
}

/// Classes [first, last) of `prompts` with the prefix, as prompts of their own.
PackedPrompts take_classes(const PackedPrompts& prompts, size_t first, size_t last) {
  const int64_t begin = prompts.classes[first].begin, end = prompts.classes[last - 1].end;
  const int64_t shift = begin - prompts.prefix;
  PackedPrompts group;
  group.prefix = prompts.prefix;
  group.learned = prompts.learned;
  group.rows.assign(prompts.rows.begin(), prompts.rows.begin() + prompts.prefix);
  group.rows.insert(group.rows.end(), prompts.rows.begin() + begin, prompts.rows.begin() + end);
  for (size_t c = first; c < last; ++c) {
    const auto [from, to] = prompts.classes[c];
    group.classes.push_back({from - shift, to - shift});
    const int64_t read = prompts.read[c];
    group.read.push_back(read < prompts.prefix ? read : read - shift);
  }
  return group;
}

/// Where groups of whole classes begin and end, each of about `rows` own rows at most.
std::vector<std::pair<size_t, size_t>> group_by_rows(const PackedPrompts& prompts, int64_t rows) {
  std::vector<std::pair<size_t, size_t>> groups;
  for (size_t first = 0; first < prompts.classes.size();) {
    size_t last = first + 1;
    while (last < prompts.classes.size() &&
           prompts.classes[last].end - prompts.classes[first].begin <= rows) {
      ++last;
    }
    groups.emplace_back(first, last);
    first = last;
  }
  return groups;
}

std::vector<std::pair<size_t, size_t>> group_by_classes(const PackedPrompts& prompts,
                                                        int64_t count) {
  std::vector<std::pair<size_t, size_t>> groups;
  const size_t classes = prompts.classes.size(), step = static_cast<size_t>(count);
  for (size_t first = 0; first < classes; first += step) {
    groups.emplace_back(first, std::min(first + step, classes));
  }
  return groups;
}

/// Features (C, E), group after group.
at::Tensor run_groups(const TextTower& tower, const PackedPrompts& prompts,
                      const std::vector<std::pair<size_t, size_t>>& groups) {
  if (groups.size() == 1) return run_group(tower, prompts);
  std::vector<at::Tensor> features;  // (C of the group, E)
  for (const auto& [first, last] : groups) {
    features.push_back(run_group(tower, take_classes(prompts, first, last)));
  }
  return at::cat(features, 0);
}

/// What the way back of a chunked pass needs.
struct ChunkedCall : torch::CustomClassHolder {
  TextTower tower;
  PackedPrompts prompts;  // without its learned rows
  int64_t chunk = 1;      // classes
};

struct ChunkedTower : torch::autograd::Function<ChunkedTower> {
  using Context = torch::autograd::AutogradContext;
  using Variables = torch::autograd::variable_list;

  static at::Tensor forward(Context* context, const at::Tensor& learned,
                            const c10::intrusive_ptr<ChunkedCall>& call) {
    context->saved_data["call"] = c10::IValue::make_capsule(call);
    context->save_for_backward({learned});
    PackedPrompts prompts = call->prompts;
    prompts.learned = learned.detach();
    return run_groups(call->tower, prompts, group_by_classes(prompts, call->chunk));
  }

  static Variables backward(Context* context, Variables grads) {
    const auto holder = context->saved_data["call"].toCapsule();
    const ChunkedCall& call = static_cast<const ChunkedCall&>(*holder);
    const at::AutoGradMode with_graph(true);
    PackedPrompts prompts = call.prompts;
    prompts.learned = context->get_saved_variables()[0].detach().requires_grad_();
    at::Tensor total = at::zeros_like(prompts.learned, {}, at::MemoryFormat::Contiguous);
    for (const auto& [first, last] : group_by_classes(prompts, call.chunk)) {
      const auto count = static_cast<int64_t>(last - first);
      const at::Tensor features = run_group(call.tower, take_classes(prompts, first, last));
      const at::Tensor part = grads[0].narrow(0, static_cast<int64_t>(first), count);
      total = total + torch::autograd::grad({features}, {prompts.learned}, {part})[0];
    }
    return {total.detach(), at::Tensor()};
  }
};

}  // namespace

TextTower place_text_tower(const Tensors& weights, const ClipConfig& config,
                           const Placement& where) {
  TextTower tower;
  tower.table = place_vector(weights, "token_embedding.weight", where);
  tower.positions = place_vector(weights, "positional_embedding", where);
  tower.blocks = place_blocks(weights, "transformer.resblocks.", config.text_layers, config, where);
  tower.ln_final = place_layer_norm(weights, "ln_final", config.layer_norm_eps, where);
  tower.projection = place_matrix(weights, "text_projection", where).t();
  tower.heads = config.text_heads;
  tower.limits = {config.context_length, config.vocab_size, config.text_width};
  return tower;
}

at::Tensor run_text_tower(const TextTower& tower, const PackedPrompts& prompts,
                          int64_t class_chunk) {
  const bool graph =
      at::GradMode::is_enabled() && prompts.learned.defined() && prompts.learned.requires_grad();
  const auto classes = static_cast<int64_t>(prompts.classes.size());
  if (!graph) return run_groups(tower, prompts, group_by_rows(prompts, kGroupRows));
  if (class_chunk < 1 || class_chunk >= classes) return run_group(tower, prompts);
  auto call = c10::make_intrusive<ChunkedCall>();
  call->tower = tower;
  call->prompts = prompts;
  call->prompts.learned.reset();
  call->chunk = class_chunk;
  return ChunkedTower::apply(prompts.learned, call);
}

int64_t class_chunk_within(const TextTower& tower, const PackedPrompts& prompts, int64_t bytes) {
  const KeptValues kept = kept_values(*tower.blocks.front(), tower.heads);
  const auto total = static_cast<int64_t>(prompts.rows.size());
  const auto classes = static_cast<int64_t>(prompts.classes.size());
  int64_t longest = 0;  // rows of a class
  for (const auto& [begin, end] : prompts.classes) longest = std::max(longest, end - begin);
  const auto bytes_of = [&](int64_t rows) {
    const int64_t values = rows * (kept.row + kept.link * (prompts.prefix + longest));
    return values * static_cast<int64_t>(sizeof(float) * tower.blocks.size());
  };
  if (bytes_of(total) <= bytes) return classes;
  const int64_t prefix = bytes_of(prompts.prefix), each = std::max<int64_t>(1, bytes_of(longest));
  return std::clamp<int64_t>((bytes - prefix) / each, 1, classes);
}

}  // namespace qprompt::clip
