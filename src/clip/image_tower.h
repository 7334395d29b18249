// The two image towers, for inference only.
#pragma once

#include <vector>

#include "clip/block.h"

namespace qprompt::clip {

struct VitTower {
  at::Tensor patches;         ///< (D, 3·p·p): the patch convolution as a matrix
  at::Tensor class_row;       ///< (1, D): class embedding plus its position
  at::Tensor positions;       ///< (g·g, D) of the patches
  LayerNorm ln_pre, ln_post;  ///< ln_pre undefined where the model has none
  Blocks blocks;
  at::Tensor projection;  ///< (E, D): the canonical one transposed
  int64_t heads = 1;
  int64_t patch_size = 1;
};

VitTower place_vit(const Tensors& weights, const ClipConfig& config, const Placement& where);

/// Pixels (B, 3, R, R) → (B, E). openai/CLIP, clip/model.py, `VisionTransformer`.
at::Tensor run_vit(const VitTower& tower, const at::Tensor& pixels);

/// A convolution without bias and the batch norm behind it.
struct ConvNorm {
  at::Tensor weight;                        ///< (out, in, k, k)
  at::Tensor scale, shift, mean, variance;  ///< (out), float32
};

struct Bottleneck {
  ConvNorm conv1, conv2, conv3, shortcut;  ///< `shortcut` undefined where the input is kept
  int64_t stride = 1;
};

struct ResNetTower {
  ConvNorm stem[3];
  std::vector<Bottleneck> blocks;
  at::Tensor positions;  ///< (g·g + 1, D)
  Affine q, k, v, c;     ///< (D, D), and (E, D)
  int64_t heads = 1;
};

ResNetTower place_resnet(const Tensors& weights, const ClipConfig& config, const Placement& where);

/// Pixels (B, 3, R, R) → (B, E). openai/CLIP, clip/model.py, `ModifiedResNet`.
at::Tensor run_resnet(const ResNetTower& tower, const at::Tensor& pixels);

}  // namespace qprompt::clip
