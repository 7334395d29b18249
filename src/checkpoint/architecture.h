// The sizes of one CLIP, and the canonical tensors (OpenAI's names and shapes) that they imply.
#pragma once

#include <map>
#include <string>
#include <vector>

#include <ATen/core/Tensor.h>

#include "checkpoint/config.h"
#include "qprompt/weights.h"

namespace qprompt::checkpoint {

/// Sizes and activation of both towers; `config` is what the public header shows.
struct Architecture {
  ClipConfig config;
  int64_t image_mlp = 0;  ///< hidden width of the ViT's MLP; 0 for a ResNet
  int64_t text_mlp = 0;   ///< hidden width of the text tower's MLP
};

using Shape = std::vector<int64_t>;
using Shapes = std::map<std::string, Shape>;
using Tensors = std::map<std::string, at::Tensor>;

/// Throws kContent, naming `source`, when a size is out of bounds or two do not fit together.
/// Called before anything is allocated from these sizes.
void check_architecture(const Architecture& architecture, const std::string& source);

/// Every canonical tensor and its shape.
Shapes canonical_shapes(const Architecture& architecture);

/// "(512, 768)"; "()" for a scalar.
std::string shape_text(const Shape& shape);

/// Digest over architecture, activation and all canonical tensors (float32, contiguous, CPU). The
/// normalisation of the pixels is no part of it: it belongs to the transform, not to the model.
Digest::Bytes fingerprint_of(const Architecture& architecture, const Tensors& weights);

}  // namespace qprompt::checkpoint
