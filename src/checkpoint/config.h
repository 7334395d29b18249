// What kind of CLIP a checkpoint holds.
#pragma once

#include <array>
#include <cstdint>

#include "engine/activation.h"
#include "qprompt/image.h"

namespace qprompt {

enum class ImageTowerKind { kVit, kResNet };

/// Everything about the architecture; all of it comes from the files.
struct ClipConfig {
  Activation activation = Activation::kQuickGelu;
  ImageTowerKind image_kind = ImageTowerKind::kVit;
  int64_t embed_dim = 0;     ///< E, joint width
  int64_t image_size = 0;    ///< R, pixels
  int64_t image_width = 0;   ///< ViT width, or the ResNet's stem width
  int64_t image_layers = 0;  ///< ViT blocks; 0 for a ResNet
  int64_t image_heads = 0;   ///< of the blocks, or of attention pooling
  int64_t patch_size = 0;    ///< ViT only, pixels
  /// The image tower is timm's ViT, as in SLIP: exact GELU and ε = 1e-6 whatever the text tower
  /// has, a bias in the patch convolution, no layer norm before the blocks.
  bool timm_vit = false;
  std::array<int64_t, 4> resnet_layers{};  ///< ResNet only, bottlenecks a stage
  int64_t context_length = 0;              ///< L, 77 in CLIP
  int64_t vocab_size = 0;
  int64_t text_width = 0;  ///< D
  int64_t text_layers = 0;
  int64_t text_heads = 0;
  double layer_norm_eps = 1e-5;
  Normalization normalization;
  TestTransform transform;          ///< how a test picture is brought to the image size
  bool activation_assumed = false;  ///< the files do not say it: OpenAI's was taken
};

}  // namespace qprompt
