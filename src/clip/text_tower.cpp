#include "clip/text_tower.h"

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>

#include "clip/packed_attention.h"

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

at::Tensor run_block(const Block& block, const at::Tensor& x, const AttentionPlan& plan,
                     int64_t heads) {
  const at::Tensor qkv = affine(normalise(x, block.ln_1), block.qkv);  // (T, 3D)
  const at::Tensor seen = attend_all(qkv, plan, heads);                // (T, D)
  return add_mlp(add_projection(x, seen, block.out, 1), block);
}

/// The last block for the C rows that are read: the others are only its keys and values. (C, D)
at::Tensor run_last_block(const Block& block, const at::Tensor& x, const PackedPlan& plan,
                          int64_t heads) {
  const int64_t width = x.size(1);
  const at::Tensor read = plan.read.to(x.device());
  const at::Tensor normal = normalise(x, block.ln_1);  // (T, D)
  const at::Tensor q =
      affine(normal.index_select(0, read),
             {block.qkv.weight.narrow(0, 0, width), block.qkv.bias.narrow(0, 0, width)});  // (C, D)
  const at::Tensor kv = affine(normal, {block.qkv.weight.narrow(0, width, 2 * width),
                                        block.qkv.bias.narrow(0, width, 2 * width)});  // (T, 2D)
  const at::Tensor seen = attend_read(q, kv, plan.read_rows, heads);                   // (C, D)
  return add_mlp(add_projection(x.index_select(0, read), seen, block.out, 1), block);
}

at::Tensor run_group(const TextTower& tower, const PackedPrompts& prompts) {
  const PackedPlan plan = plan_packed(prompts);
  at::Tensor x = assemble(tower, prompts, plan);  // (T, D)
  for (size_t i = 0; i + 1 < tower.blocks.size(); ++i) {
    x = run_block(tower.blocks[i], x, plan.all_rows, tower.heads);
  }
  x = run_last_block(tower.blocks.back(), x, plan, tower.heads);  // (C, D)
  return times_transposed(normalise(x, tower.ln_final), tower.projection);
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

}  // namespace

TextTower place_text_tower(const Tensors& weights, const ClipConfig& config,
                           const Placement& where) {
  TextTower tower;
  tower.table = place_vector(weights, "token_embedding.weight", where);
  tower.positions = place_vector(weights, "positional_embedding", where);
  for (int64_t i = 0; i < config.text_layers; ++i) {
    tower.blocks.push_back(
        place_block(weights, cat("transformer.resblocks.", i, "."), config, where));
  }
  tower.ln_final = place_layer_norm(weights, "ln_final", config.layer_norm_eps, where);
  tower.projection = place_matrix(weights, "text_projection", where).t();
  tower.heads = config.text_heads;
  tower.limits = {config.context_length, config.vocab_size, config.text_width};
  return tower;
}

at::Tensor run_text_tower(const TextTower& tower, const PackedPrompts& prompts) {
  const bool graph =
      at::GradMode::is_enabled() && prompts.learned.defined() && prompts.learned.requires_grad();
  const auto own = static_cast<int64_t>(prompts.rows.size()) - prompts.prefix;
  if (graph || own <= kGroupRows) return run_group(tower, prompts);
  std::vector<at::Tensor> groups;  // (C of the group, E)
  for (size_t first = 0; first < prompts.classes.size();) {
    size_t last = first + 1;
    while (last < prompts.classes.size() &&
           prompts.classes[last].end - prompts.classes[first].begin <= kGroupRows) {
      ++last;
    }
    groups.push_back(run_group(tower, take_classes(prompts, first, last)));
    first = last;
  }
  return at::cat(groups, 0);
}

}  // namespace qprompt::clip
