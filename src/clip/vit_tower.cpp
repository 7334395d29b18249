#include <ATen/ATen.h>

#include "clip/image_tower.h"

namespace qprompt::clip {
namespace {

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
  const at::Tensor flat = rows.view({-1, width});
  return tower.ln_pre.weight.defined() ? normalise(flat, tower.ln_pre) : flat;
}

}  // namespace

VitTower place_vit(const Tensors& weights, const ClipConfig& config, const Placement& where) {
  VitTower tower;
  ClipConfig image = config;  // the blocks' view of it
  if (config.timm_vit) {
    image.activation = Activation::kGelu;
    image.layer_norm_eps = 1e-6;
  }
  tower.patches = place_matrix(weights, "visual.conv1.weight", where).flatten(1);
  const at::Tensor positions = place_vector(weights, "visual.positional_embedding", where);
  const at::Tensor class_embedding = place_vector(weights, "visual.class_embedding", where);
  tower.class_row = class_embedding.unsqueeze(0) + positions.narrow(0, 0, 1);
  tower.positions = positions.narrow(0, 1, positions.size(0) - 1);
  if (config.timm_vit) {
    tower.positions = tower.positions + place_vector(weights, "visual.conv1.bias", where);
  } else {
    tower.ln_pre = place_layer_norm(weights, "visual.ln_pre", image.layer_norm_eps, where);
  }
  tower.ln_post = place_layer_norm(weights, "visual.ln_post", image.layer_norm_eps, where);
  tower.blocks =
      place_blocks(weights, "visual.transformer.resblocks.", config.image_layers, image, where);
  tower.projection = place_matrix(weights, "visual.proj", where).t();
  tower.heads = config.image_heads;
  tower.patch_size = config.patch_size;
  return tower;
}

at::Tensor run_vit(const VitTower& tower, const at::Tensor& pixels) {
  auto sequence = std::make_shared<Sequence>();
  sequence->heads = tower.heads;
  sequence->images = pixels.size(0);
  at::Tensor x = embed(tower, pixels);                                       // (B·N, D)
  for (const auto& block : tower.blocks) x = run_block(block, x, sequence);  // the last: (B, D)
  return times_transposed(normalise(x, tower.ln_post), tower.projection);
}

}  // namespace qprompt::clip
