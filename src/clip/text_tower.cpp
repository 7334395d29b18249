#include "clip/text_tower.h"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <ATen/core/grad_mode.h>
#include <torch/csrc/autograd/autograd.h>
#include <torch/csrc/autograd/custom_function.h>
#include <torch/custom_class.h>

#include <functional>

#include "clip/fused_block.h"

namespace qprompt::clip {
namespace {

constexpr int64_t kGroupRows = 1024;  // rows that a group without a graph aims at

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
  sequence->single_use = true;  // a second way back runs the group again, see `GroupedTower`
  sequence->packed = std::make_shared<const PackedPlan>(plan_packed(prompts));
  at::Tensor x = assemble(tower, prompts, *sequence->packed);  // (T, D)
  const at::Tensor& learned_rows = sequence->packed->learned_at;
  for (size_t i = 0; i < tower.blocks.size(); ++i) {
    x = run_block(tower.blocks[i], x, sequence, i == 0 ? learned_rows : at::Tensor());
  }
  sequence->normal_room.reset();  // the graph lives on, these need not
  sequence->hidden_room.reset();
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

/// Classes [first, last).
struct Group {
  size_t first = 0, last = 0;
  int64_t size() const { return static_cast<int64_t>(last - first); }
};

/// Groups of `classes` classes, so that each thread has one at a time.
std::vector<Group> group_classes(const PackedPrompts& prompts, int64_t classes) {
  std::vector<Group> groups;
  const size_t total = prompts.classes.size(), step = static_cast<size_t>(classes);
  for (size_t first = 0; first < total; first += step) {
    groups.push_back({first, std::min(first + step, total)});
  }
  return groups;
}

int64_t divide_up(int64_t a, int64_t b) { return (a + b - 1) / b; }

/// Calls f(g) for every group. Threads go to groups rather than into their products: groups are
/// whole sub-problems with a copy of the prefix each, so threads meet once a pass and not twenty
/// times a block.
void for_groups(const std::vector<Group>& groups, const std::function<void(size_t)>& f) {
  if (groups.size() == 1) return f(0);
  const bool graph = at::GradMode::is_enabled();
  at::parallel_for(0, static_cast<int64_t>(groups.size()), 1, [&](int64_t begin, int64_t end) {
    const at::AutoGradMode same(graph);  // the mode is each thread's own
    for (int64_t g = begin; g < end; ++g) f(static_cast<size_t>(g));
  });
}

/// Features (C, E) without a graph.
at::Tensor run_groups(const TextTower& tower, const PackedPrompts& prompts,
                      const std::vector<Group>& groups) {
  std::vector<at::Tensor> features(groups.size());  // (C of the group, E)
  for_groups(groups, [&](size_t g) {
    features[g] = run_group(tower, take_classes(prompts, groups[g].first, groups[g].last));
  });
  return at::cat(features, 0);
}

/// A pass with a graph of its own for each group.
struct GroupedCall : torch::CustomClassHolder {
  TextTower tower;
  PackedPrompts prompts;  // without its learned rows
  std::vector<Group> groups;
  std::vector<at::Tensor> learned,
      features;  // of each group; undefined where it is to be run again
};

/// The gradient (L, D) of the learned rows that one group contributes.
at::Tensor group_gradient(GroupedCall& call, size_t g, const at::Tensor& learned,
                          const at::Tensor& grad) {
  const at::AutoGradMode with_graph(true);
  const auto [first, last] = call.groups[g];
  const at::Tensor part =
      grad.narrow(0, static_cast<int64_t>(first), call.groups[g].size());  // (C of the group, E)
  if (call.features[g].defined()) {
    const at::Tensor features = std::move(call.features[g]);
    call.features[g].reset();
    return torch::autograd::grad({features}, {call.learned[g]}, {part})[0];
  }
  PackedPrompts prompts = call.prompts;
  prompts.learned = learned.detach().requires_grad_();
  const at::Tensor features = run_group(call.tower, take_classes(prompts, first, last));
  return torch::autograd::grad({features}, {prompts.learned}, {part})[0];
}

struct GroupedTower : torch::autograd::Function<GroupedTower> {
  using Context = torch::autograd::AutogradContext;
  using Variables = torch::autograd::variable_list;

  static at::Tensor forward(Context* context, const at::Tensor& learned,
                            const c10::intrusive_ptr<GroupedCall>& call, bool keep) {
    context->saved_data["call"] = c10::IValue::make_capsule(call);
    context->save_for_backward({learned});
    PackedPrompts prompts = call->prompts;
    prompts.learned = learned.detach();
    call->learned.resize(call->groups.size());
    call->features.resize(call->groups.size());
    if (!keep) return run_groups(call->tower, prompts, call->groups);
    const at::AutoGradMode with_graph(true);
    for_groups(call->groups, [&](size_t g) {
      PackedPrompts part = take_classes(call->prompts, call->groups[g].first, call->groups[g].last);
      part.learned = call->learned[g] = learned.detach().requires_grad_();
      call->features[g] = run_group(call->tower, part);
    });
    const at::NoGradGuard no_grad;
    return at::cat(call->features, 0);
  }

  static Variables backward(Context* context, Variables grads) {
    const auto holder = context->saved_data["call"].toCapsule();
    GroupedCall& call = static_cast<GroupedCall&>(*holder);
    const at::Tensor learned = context->get_saved_variables()[0];
    std::vector<at::Tensor> parts(call.groups.size());  // (L, D)
    for_groups(call.groups,
               [&](size_t g) { parts[g] = group_gradient(call, g, learned, grads[0]); });
    at::Tensor total = parts[0];
    for (size_t g = 1; g < parts.size(); ++g) total = total + parts[g];
    return {total, at::Tensor(), at::Tensor()};
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
  const auto classes = static_cast<int64_t>(prompts.classes.size());
  const int64_t threads = at::in_parallel_region() ? 1 : at::get_num_threads();
  const bool graph =
      at::GradMode::is_enabled() && prompts.learned.defined() && prompts.learned.requires_grad();
  if (!graph) {
    const auto rows = static_cast<int64_t>(prompts.rows.size());
    const int64_t pieces = std::max(divide_up(rows, kGroupRows), std::min(threads, classes));
    return run_groups(tower, prompts, group_classes(prompts, divide_up(classes, pieces)));
  }
  const bool whole = class_chunk < 1 || class_chunk >= classes;
  auto call = c10::make_intrusive<GroupedCall>();
  call->tower = tower;
  call->prompts = prompts;
  call->prompts.learned.reset();
  call->groups = group_classes(prompts, divide_up(whole ? classes : class_chunk, threads));
  return GroupedTower::apply(prompts.learned, call, whole);
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
