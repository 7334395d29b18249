#include <ATen/ATen.h>

#include <cmath>

#include "clip/image_tower.h"

namespace qprompt::clip {
namespace {

/// Rows of one block's queries, keys and values: (B·N, D) of B images with N rows each.
struct Rows {
  int64_t images = 0, heads = 0;
};

/// (B·N, D) → (B·heads, N, d)
at::Tensor split(const at::Tensor& x, const Rows& rows) {
  const int64_t n = x.size(0) / rows.images, d = x.size(1) / rows.heads;
  return x.view({rows.images, n, rows.heads, d})
      .transpose(1, 2)
      .reshape({rows.images * rows.heads, n, d});
}

/// Full attention within each image: q (B·Nq, D), k and v (B·N, D) → (B·Nq, D).
at::Tensor attend(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v, const Rows& rows) {
  const int64_t width = q.size(1), n = q.size(0) / rows.images;
  const double scale = 1 / std::sqrt(static_cast<double>(width / rows.heads));
  const at::Tensor scores = at::bmm(split(q, rows), split(k, rows).transpose(1, 2));
  const at::Tensor p = at::softmax(scores.mul_(scale), -1);  // (B·heads, Nq, N)
  return at::bmm(p, split(v, rows))
      .view({rows.images, rows.heads, n, -1})
      .transpose(1, 2)
      .reshape({rows.images * n, width});
}

at::Tensor run_block(const Block& block, const at::Tensor& x, const Rows& rows) {
  const at::Tensor qkv = affine(normalise(x, block.ln_1), block.qkv);  // (B·N, 3D)
  const int64_t width = x.size(1);
  const at::Tensor seen = attend(qkv.narrow(1, 0, width), qkv.narrow(1, width, width),
                                 qkv.narrow(1, 2 * width, width), rows);
  return add_mlp(add_projection(x, seen, block.out, 1), block);
}

/// The last block for the class rows alone: (B·N, D) → (B, D).
at::Tensor run_last_block(const Block& block, const at::Tensor& x, const Rows& rows) {
  const int64_t width = x.size(1);
  const auto first = [&](const at::Tensor& all) {
    return all.view({rows.images, -1, width}).select(1, 0).contiguous();
  };
  const at::Tensor normal = normalise(x, block.ln_1);  // (B·N, D)
  const at::Tensor q = affine(
      first(normal), {block.qkv.weight.narrow(0, 0, width), block.qkv.bias.narrow(0, 0, width)});
  const at::Tensor kv = affine(normal, {block.qkv.weight.narrow(0, width, 2 * width),
                                        block.qkv.bias.narrow(0, width, 2 * width)});
  const at::Tensor seen =
      attend(q, kv.narrow(1, 0, width), kv.narrow(1, width, width), rows);  // (B, D)
  return add_mlp(add_projection(first(x), seen, block.out, 1), block);
}

/// Pixels (B, 3, R, R) → rows of the first block (B·N, D): class row, then patches.
at::Tensor embed(const VitTower& tower, const at::Tensor& pixels) {
  const int64_t images = pixels.size(0), p = tower.patch_size, grid = pixels.size(2) / p;
  const at::Tensor cut = pixels.view({images, 3, grid, p, grid, p})
                             .permute({0, 2, 4, 1, 3, 5})
                             .reshape({images * grid * grid, 3 * p * p});
  const at::Tensor patches = times_transposed(cut, tower.patches).view({images, grid * grid, -1});
  const int64_t width = patches.size(2);
  const at::Tensor rows =
      at::cat({tower.class_row.expand({images, 1, width}), patches + tower.positions}, 1);
  return normalise(rows.view({-1, width}), tower.ln_pre);
}

}  // namespace

VitTower place_vit(const Tensors& weights, const ClipConfig& config, const Placement& where) {
  VitTower tower;
  tower.patches = place_matrix(weights, "visual.conv1.weight", where).flatten(1);
  const at::Tensor positions = place_vector(weights, "visual.positional_embedding", where);
  const at::Tensor class_embedding = place_vector(weights, "visual.class_embedding", where);
  tower.class_row = class_embedding.unsqueeze(0) + positions.narrow(0, 0, 1);
  tower.positions = positions.narrow(0, 1, positions.size(0) - 1);
  tower.ln_pre = place_layer_norm(weights, "visual.ln_pre", config.layer_norm_eps, where);
  tower.ln_post = place_layer_norm(weights, "visual.ln_post", config.layer_norm_eps, where);
  for (int64_t i = 0; i < config.image_layers; ++i) {
    tower.blocks.push_back(
        place_block(weights, cat("visual.transformer.resblocks.", i, "."), config, where));
  }
  tower.projection = place_matrix(weights, "visual.proj", where).t();
  tower.heads = config.image_heads;
  tower.patch_size = config.patch_size;
  return tower;
}

at::Tensor run_vit(const VitTower& tower, const at::Tensor& pixels) {
  const Rows rows{pixels.size(0), tower.heads};
  at::Tensor x = embed(tower, pixels);  // (B·N, D)
  for (size_t i = 0; i + 1 < tower.blocks.size(); ++i) x = run_block(tower.blocks[i], x, rows);
  x = run_last_block(tower.blocks.back(), x, rows);  // (B, D)
  return times_transposed(normalise(x, tower.ln_post), tower.projection);
}

}  // namespace qprompt::clip
