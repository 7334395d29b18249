// The two image towers; the ViT may have learned rows.
#pragma once

#include <vector>

#include "clip/impl/place.h"

namespace qprompt::clip {

struct VitTower {
  engine::FrozenMatrix patches;       ///< (D, 3·p·p): the patch convolution as a matrix
  at::Tensor class_row;               ///< (1, D): class embedding plus its position
  at::Tensor positions;               ///< (g·g, D) of the patches
  engine::LayerNorm ln_pre, ln_post;  ///< ln_pre undefined where the model has none
  engine::Blocks blocks;
  engine::FrozenMatrix projection;  ///< (E, D): the canonical one transposed
  int64_t heads = 1;
  int64_t patch_size = 1;
};

VitTower place_vit(const Tensors& weights, const ClipConfig& config, const Placement& where);

/// Pixels (B, 3, R, R) → (B, E). openai/CLIP, clip/model.py, `VisionTransformer`. `learned` (J, n,
/// D) or undefined: its first rows are appended to those of every image, without position, before
/// the layer norm and block 0; before block i < J, the appended rows become `learned[i]` (Jia et
/// al., "Visual Prompt Tuning", §3.2; Khattak et al., MaPLe, §3.2).
at::Tensor run_vit(const VitTower& tower, const at::Tensor& pixels, const at::Tensor& learned,
                   engine::Packing packing = engine::Packing::kKept);

/// The same, differentiable in `learned`; `image_chunk` images (0: all) keep what backward needs at
/// a time, the others are run again on the way back. Weights that are laid out for the kernel do
/// not stay: for both directions they would take more than the activations of a small batch.
at::Tensor run_prompted_vit(const VitTower& tower, const at::Tensor& pixels,
                            const at::Tensor& learned, int64_t image_chunk);

/// The most images whose forward pass with n learned rows keeps at most `bytes`; at least 1.
int64_t image_chunk_within(const VitTower& tower, int64_t learned, int64_t bytes);

/// A convolution without bias and the batch norm behind it.
struct ConvNorm {
  at::Tensor weight;                        ///< (out, in, k, k)
  at::Tensor scale, shift, mean, variance;  ///< (out), float32
  /// Both as one matrix (out, k·k·in) and a bias (out): what the CPU multiplies with in float32.
  engine::FrozenMatrix matrix;
  at::Tensor bias;  ///< (out)
};

struct Bottleneck {
  ConvNorm conv1, conv2, conv3, shortcut;  ///< `shortcut` undefined where the input is kept
  int64_t stride = 1;
};

struct ResNetTower {
  ConvNorm stem[3];
  std::vector<Bottleneck> blocks;
  at::Tensor positions;       ///< (g·g + 1, D)
  engine::Affine q, k, v, c;  ///< (D, D), and (E, D)
  int64_t heads = 1;
};

ResNetTower place_resnet(const Tensors& weights, const ClipConfig& config, const Placement& where);

/// Pixels (B, 3, R, R) → (B, E). openai/CLIP, clip/model.py, `ModifiedResNet`.
at::Tensor run_resnet(const ResNetTower& tower, const at::Tensor& pixels);

/// The maps of B images by their pixels, each with its channels side by side.
struct PixelRows {
  at::Tensor rows;  ///< (B·h·w, channels), float32, CPU
  int64_t images = 0, height = 0, width = 0;
};

/// The tower up to attention pooling, as products with frozen matrices: an image's rows do not
/// depend on the images beside it, which LibTorch's convolutions do not promise.
PixelRows run_resnet_rows(const ResNetTower& tower, const at::Tensor& pixels);
/// `weight`, batch norm and all, as the matrix and the bias of a layer.
void fold_batch_norm(ConvNorm& layer);
/// PyTorch's default, which CLIP keeps.
constexpr double kBatchNormEps = 1e-5;

}  // namespace qprompt::clip
