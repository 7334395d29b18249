#include "base/aten.h"
#include "clip/impl/image_tower.h"
#include "engine/grouped_pass.h"

namespace qprompt::clip {
namespace {

/// Pixels (B, 3, R, R) → rows of the first block (B·N, D): class row, then patches.
at::Tensor embed(const VitTower& tower, const at::Tensor& pixels) {
  const at::NoGradGuard no_grad;
  const int64_t images = pixels.size(0), p = tower.patch_size, grid = pixels.size(2) / p;
  const at::Tensor cut = pixels.view({images, 3, grid, p, grid, p})
                             .permute({0, 2, 4, 1, 3, 5})
                             .reshape({images * grid * grid, 3 * p * p});
  const at::Tensor patches =
      engine::times_transposed(cut, tower.patches).view({images, grid * grid, -1});
  const int64_t width = patches.size(2);
  const at::Tensor rows =
      at::cat({tower.class_row.expand({images, 1, width}), patches + tower.positions}, 1);
  const at::Tensor flat = rows.view({-1, width});
  return tower.ln_pre.weight.defined() ? engine::normalise(flat, tower.ln_pre) : flat;
}

/// Rows of one call: those of its images, the learned ones (n of them) last in each.
struct Rows {
  int64_t images = 0, frozen = 0, learned = 0;  // B, N, n
  int64_t each() const { return frozen + learned; }
};

/// x (B·(N+n), D) with `learned` (n, D) in the last rows of every image; x may have N rows an
/// image.
at::Tensor with_learned(const at::Tensor& x, const Rows& rows, const at::Tensor& learned) {
  const int64_t width = x.size(1);
  const at::Tensor frozen = x.view({rows.images, -1, width}).narrow(1, 0, rows.frozen);
  return at::cat({frozen, learned.expand({rows.images, rows.learned, width})}, 1).view({-1, width});
}

/// The learned rows among x (B·(N+n), D): int64.
at::Tensor learned_rows(const Rows& rows) {
  return (at::arange(rows.images, at::kLong).unsqueeze(1) * rows.each() + rows.frozen +
          at::arange(rows.learned, at::kLong).unsqueeze(0))
      .view(-1);
}

}  // namespace

VitTower place_vit(const Tensors& weights, const ClipConfig& config, const Placement& where) {
  VitTower tower;
  ClipConfig image = config;  // the blocks' view of it
  if (config.timm_vit) {
    image.activation = Activation::kGelu;
    image.layer_norm_eps = 1e-6;
  }
  tower.patches =
      engine::FrozenMatrix(place_matrix(weights, "visual.conv1.weight", where).flatten(1));
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
  tower.projection = engine::FrozenMatrix(place_matrix(weights, "visual.proj", where).t());
  tower.heads = config.image_heads;
  tower.patch_size = config.patch_size;
  return tower;
}

at::Tensor run_vit(const VitTower& tower, const at::Tensor& pixels, const at::Tensor& learned,
                   engine::Packing packing) {
  auto sequence = std::make_shared<engine::Sequence>();
  sequence->heads = tower.heads;
  sequence->images = pixels.size(0);
  sequence->packing = packing;
  sequence->single_use = true;          // a second way back runs the group again
  at::Tensor x = embed(tower, pixels);  // (B·N, D)
  const int64_t depth = learned.defined() ? learned.size(0) : 0;
  const Rows rows{pixels.size(0), x.size(0) / pixels.size(0), depth == 0 ? 0 : learned.size(1)};
  for (int64_t i = 0; i < static_cast<int64_t>(tower.blocks.size()); ++i) {
    if (i < depth) {
      const bool norm = i == 0 && tower.ln_pre.weight.defined();
      x = with_learned(x, rows, norm ? engine::normalise(learned[i], tower.ln_pre) : learned[i]);
    }
    // Of the first block's input, nothing but the learned rows is learned; of the others, all is.
    const at::Tensor wanted = i == 0 && depth > 0 ? learned_rows(rows) : at::Tensor();
    x = engine::run_block(tower.blocks[i], x, sequence, wanted);  // the last: (B, D)
  }
  sequence->normal_room.reset();  // the graph lives on, these need not
  sequence->hidden_room.reset();
  return engine::times_transposed(engine::normalise(x, tower.ln_post), tower.projection);
}

at::Tensor run_prompted_vit(const VitTower& tower, const at::Tensor& pixels,
                            const at::Tensor& learned, int64_t image_chunk) {
  const int64_t images = pixels.size(0);
  const bool whole = image_chunk < 1 || image_chunk >= images;
  const int64_t groups = engine::kGroupsAtOnce;  // whatever the threads: their gradients are summed
  const int64_t each = ((whole ? images : image_chunk) + groups - 1) / groups;
  const at::Tensor placed = learned.to(tower.class_row.device(), tower.class_row.scalar_type());
  const engine::RunGroup run = [tower, pixels](const engine::Group& group, const at::Tensor& rows) {
    return run_vit(tower, pixels.narrow(0, group.first, group.size()), rows,
                   engine::Packing::kPassing);
  };
  return engine::run_groups_with_graph(engine::group_items(images, each), run, placed, whole);
}

int64_t image_chunk_within(const VitTower& tower, int64_t learned, int64_t bytes) {
  const engine::KeptValues kept = engine::kept_values(*tower.blocks.front(), tower.heads);
  const int64_t rows = tower.positions.size(0) + 1 + learned;
  const int64_t image = rows * kept.row * static_cast<int64_t>(sizeof(float) * tower.blocks.size());
  return std::max<int64_t>(1, bytes / image);
}

}  // namespace qprompt::clip
