#include <cmath>

#include "base/aten.h"
#include "clip/impl/image_tower.h"

namespace qprompt::clip {
namespace {

ConvNorm place_conv(const Tensors& weights, const std::string& conv, const std::string& norm,
                    const Placement& where) {
  ConvNorm layer;
  layer.weight = place_matrix(weights, conv + ".weight", where);
  layer.scale = place_vector(weights, norm + ".weight", where);
  layer.shift = place_vector(weights, norm + ".bias", where);
  layer.mean = place_vector(weights, norm + ".running_mean", where);
  layer.variance = place_vector(weights, norm + ".running_var", where);
  if (where.device == at::kCPU && where.matrices == at::kFloat) fold_batch_norm(layer);
  return layer;
}

/// Convolution (padding keeps the size at stride 1) and batch norm: (B, in, h, w) → (B, out, …).
at::Tensor conv_norm(const at::Tensor& x, const ConvNorm& layer, int64_t stride = 1) {
  const int64_t padding = layer.weight.size(2) / 2;
  const at::Tensor y =
      at::conv2d(x.to(layer.weight.scalar_type()), layer.weight, {}, stride, padding)
          .to(at::kFloat);
  return at::batch_norm(y, layer.scale, layer.shift, layer.mean, layer.variance, false, 0,
                        kBatchNormEps, false);
}

/// Strides are average pools before a 1 × 1 convolution, not skipped pixels.
at::Tensor pool(const at::Tensor& x, int64_t stride) {
  return stride == 1 ? x : at::avg_pool2d(x, stride);
}

at::Tensor run_bottleneck(const Bottleneck& block, const at::Tensor& x) {
  at::Tensor y = conv_norm(x, block.conv1).relu_();
  y = conv_norm(y, block.conv2).relu_();
  y = conv_norm(pool(y, block.stride), block.conv3);
  const at::Tensor kept =
      block.shortcut.weight.defined() ? conv_norm(pool(x, block.stride), block.shortcut) : x;
  return y.add_(kept).relu_();
}

/// Attention of the mean over all positions, from cells (B, hw, D) → (B, E).
at::Tensor attention_pool(const ResNetTower& tower, const at::Tensor& cells) {
  const int64_t images = cells.size(0), width = cells.size(2);
  const at::Tensor rows = at::cat({cells.mean(1, true), cells}, 1) + tower.positions;
  const int64_t n = rows.size(1), heads = tower.heads, d = width / heads;
  const at::Tensor flat = rows.reshape({images * n, width});  // (B·N, D)
  const at::Tensor q = engine::affine(rows.select(1, 0), tower.q).view({images, heads, 1, d});
  const at::Tensor k = engine::affine(flat, tower.k).view({images, n, heads, d});
  const at::Tensor v = engine::affine(flat, tower.v).view({images, n, heads, d});
  const at::Tensor scores = at::matmul(q, k.permute({0, 2, 3, 1}));  // (B, heads, 1, N)
  const at::Tensor p = at::softmax(scores / std::sqrt(static_cast<double>(d)), -1);
  const at::Tensor seen = at::matmul(p, v.transpose(1, 2));  // (B, heads, 1, d)
  return engine::affine(seen.reshape({images, width}), tower.c);
}

}  // namespace

ResNetTower place_resnet(const Tensors& weights, const ClipConfig& config, const Placement& where) {
  ResNetTower tower;
  for (int i = 0; i < 3; ++i) {
    tower.stem[i] = place_conv(weights, cat("visual.conv", i + 1), cat("visual.bn", i + 1), where);
  }
  for (int stage = 0; stage < 4; ++stage) {
    for (int64_t i = 0; i < config.resnet_layers[stage]; ++i) {
      const std::string name = cat("visual.layer", stage + 1, ".", i, ".");
      Bottleneck block;
      block.conv1 = place_conv(weights, name + "conv1", name + "bn1", where);
      block.conv2 = place_conv(weights, name + "conv2", name + "bn2", where);
      block.conv3 = place_conv(weights, name + "conv3", name + "bn3", where);
      block.stride = stage > 0 && i == 0 ? 2 : 1;
      if (i == 0) {
        block.shortcut = place_conv(weights, name + "downsample.0", name + "downsample.1", where);
      }
      tower.blocks.push_back(std::move(block));
    }
  }
  const auto projection = [&](const char* part) {
    const std::string name = cat("visual.attnpool.", part, "_proj.");
    return place_affine(weights, name + "weight", name + "bias", where);
  };
  tower.positions = place_vector(weights, "visual.attnpool.positional_embedding", where);
  tower.q = projection("q");
  tower.k = projection("k");
  tower.v = projection("v");
  tower.c = projection("c");
  tower.heads = config.image_heads;
  return tower;
}

at::Tensor run_resnet(const ResNetTower& tower, const at::Tensor& pixels) {
  if (tower.stem[0].bias.defined()) {
    const PixelRows map = run_resnet_rows(tower, pixels);
    const at::Tensor cells = map.rows.view({map.images, map.height * map.width, -1});  // (B, hw, D)
    std::vector<at::Tensor> features;  // (1, E), image by image: LibTorch's sums know no neighbours
    for (int64_t i = 0; i < map.images; ++i) {
      features.push_back(attention_pool(tower, cells.narrow(0, i, 1)));
    }
    return at::cat(features, 0);
  }
  at::Tensor x = conv_norm(pixels, tower.stem[0], 2).relu_();
  x = conv_norm(x, tower.stem[1]).relu_();
  x = at::avg_pool2d(conv_norm(x, tower.stem[2]).relu_(), 2);
  for (const Bottleneck& block : tower.blocks) x = run_bottleneck(block, x);
  return attention_pool(tower, x.flatten(2).transpose(1, 2));
}

}  // namespace qprompt::clip
