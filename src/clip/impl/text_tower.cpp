#include "clip/impl/text_tower.h"

#include "base/aten.h"
#include "engine/grouped_pass.h"

namespace qprompt::clip {
namespace {

constexpr int64_t kGroupRows = 1024;      // rows that a group without a graph aims at
constexpr int64_t kGraphGroupRows = 128;  // and at least, where more than two have one
constexpr int64_t kMostGraphGroups = 16;

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

/// Learned rows take the place of rows of x (T, D) before the deeper block `block`.
at::Tensor replace_rows(const PackedPrompts& prompts, size_t block, const at::Tensor& x) {
  if (block == 0 || block > prompts.deep.size() || prompts.deep[block - 1].empty()) return x;
  std::vector<int64_t> rows, from;
  for (const PackedPrompts::Replacement& one : prompts.deep[block - 1]) {
    rows.push_back(one.row);
    from.push_back(one.learned);
  }
  const auto index = [&](const std::vector<int64_t>& values) {
    return at::tensor(values, at::kLong).to(x.device());
  };
  const at::Tensor learned = prompts.learned.to(x.device(), x.scalar_type());
  return x.index_copy(0, index(rows), learned.index_select(0, index(from)));
}

at::Tensor run_group(const TextTower& tower, const PackedPrompts& prompts) {
  auto sequence = std::make_shared<engine::Sequence>();
  sequence->heads = tower.heads;
  sequence->single_use = true;  // a second way back runs the group again
  const PackedPlan plan = plan_packed(prompts);
  sequence->packed = plan.rows;
  at::Tensor x = assemble(tower, prompts, plan);  // (T, D)
  for (size_t i = 0; i < tower.blocks.size(); ++i) {
    x = replace_rows(prompts, i, x);
    x = engine::run_block(tower.blocks[i], x, sequence, i == 0 ? plan.learned_at : at::Tensor());
  }
  sequence->normal_room.reset();  // the graph lives on, these need not
  sequence->hidden_room.reset();
  return engine::times_transposed(engine::normalise(x, tower.ln_final),
                                  tower.projection);  // (C, E)
}

/// The classes of a group with the prefix, as prompts of their own.
PackedPrompts take_classes(const PackedPrompts& prompts, const engine::Group& classes) {
  const auto first = static_cast<size_t>(classes.first), last = static_cast<size_t>(classes.last);
  const int64_t begin = prompts.classes[first].begin, end = prompts.classes[last - 1].end;
  const int64_t shift = begin - prompts.prefix;
  PackedPrompts group;
  group.prefix = prompts.prefix;
  group.learned = prompts.learned;
  group.deep = prompts.deep;  // rows of the prefix
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

int64_t divide_up(int64_t a, int64_t b) { return (a + b - 1) / b; }

/// Into how many groups a pass with a graph is cut. Not a matter of threads: every group runs the
/// prefix again, and its learned rows' gradient is the groups' sum.
int64_t graph_groups(int64_t rows) {
  int64_t groups = engine::kGroupsAtOnce;
  while (groups < kMostGraphGroups && rows / (2 * groups) >= kGraphGroupRows) groups *= 2;
  return groups;
}

/// The pass over one group; it holds what it needs for a way back that comes later.
engine::RunGroup group_runner(const TextTower& tower, const PackedPrompts& prompts) {
  auto shared = std::make_shared<PackedPrompts>(prompts);
  shared->learned.reset();
  return [tower, shared](const engine::Group& classes, const at::Tensor& learned) {
    PackedPrompts part = take_classes(*shared, classes);
    part.learned = learned;
    return run_group(tower, part);
  };
}

}  // namespace

TextTower place_text_tower(const Tensors& weights, const ClipConfig& config,
                           const Placement& where) {
  TextTower tower;
  tower.table = place_vector(weights, "token_embedding.weight", where);
  tower.positions = place_vector(weights, "positional_embedding", where);
  tower.blocks = place_blocks(weights, "transformer.resblocks.", config.text_layers, config, where);
  tower.ln_final = place_layer_norm(weights, "ln_final", config.layer_norm_eps, where);
  tower.projection = engine::FrozenMatrix(place_matrix(weights, "text_projection", where).t());
  tower.heads = config.text_heads;
  tower.limits = {config.context_length, config.vocab_size, config.text_width, config.text_layers};
  return tower;
}

at::Tensor run_text_tower(const TextTower& tower, const PackedPrompts& prompts,
                          int64_t class_chunk) {
  const auto classes = static_cast<int64_t>(prompts.classes.size());
  const int64_t threads = at::in_parallel_region() ? 1 : at::get_num_threads();
  const bool graph =
      at::GradMode::is_enabled() && prompts.learned.defined() && prompts.learned.requires_grad();
  const engine::RunGroup run = group_runner(tower, prompts);
  const auto rows = static_cast<int64_t>(prompts.rows.size());
  if (!graph) {
    const int64_t pieces = std::max(divide_up(rows, kGroupRows), std::min(threads, classes));
    return engine::run_groups(engine::group_items(classes, divide_up(classes, pieces)), run,
                              prompts.learned);
  }
  const bool whole = class_chunk < 1 || class_chunk >= classes;
  const int64_t even = divide_up(classes, graph_groups(rows));
  const int64_t each = whole ? even : std::min(even, divide_up(class_chunk, engine::kGroupsAtOnce));
  return engine::run_groups_with_graph(engine::group_items(classes, each), run, prompts.learned,
                                       whole);
}

int64_t class_chunk_within(const TextTower& tower, const PackedPrompts& prompts, int64_t bytes) {
  const engine::KeptValues kept = engine::kept_values(*tower.blocks.front(), tower.heads);
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
