#include "checkpoint/architecture.h"

#include <cstring>

namespace qprompt::checkpoint {
namespace {

constexpr int64_t kMaxWidth = 1 << 16;
constexpr int64_t kMaxLayers = 512;
constexpr int64_t kMaxVocab = 1 << 22;
constexpr int64_t kMaxSide = 1 << 13;

/// Collects the faults of a configuration so that all of them come in one message.
class SizeFaults {
 public:
  void range(const char* what, int64_t value, int64_t low, int64_t high) {
    if (value < low || value > high) {
      text_ += cat("\n  ", what, " is ", value, ", expected ", low, " to ", high);
    }
  }
  void divides(const char* part, int64_t small, const char* whole, int64_t large) {
    if (small > 0 && large % small != 0) {
      text_ += cat("\n  ", part, " (", small, ") does not divide ", whole, " (", large, ")");
    }
  }
  const std::string& text() const { return text_; }

 private:
  std::string text_;
};

void check_image(const Architecture& a, SizeFaults& faults) {
  const ClipConfig& c = a.config;
  faults.range("image size", c.image_size, 1, kMaxSide);
  faults.range("image width", c.image_width, 1, kMaxWidth);
  faults.range("image heads", c.image_heads, 1, kMaxWidth);
  if (c.image_kind == ImageTowerKind::kVit) {
    faults.range("image layers", c.image_layers, 1, kMaxLayers);
    faults.range("image MLP width", a.image_mlp, 1, 16 * kMaxWidth);
    faults.range("patch size", c.patch_size, 1, kMaxSide);
    faults.divides("patch size", c.patch_size, "image size", c.image_size);
    faults.divides("image heads", c.image_heads, "image width", c.image_width);
    return;
  }
  for (int64_t layers : c.resnet_layers) {
    faults.range("bottlenecks of a stage", layers, 1, kMaxLayers);
  }
  faults.divides("2", 2, "image width", c.image_width);
  faults.divides("32", 32, "image size", c.image_size);
  faults.divides("image heads", c.image_heads, "attention pooling width", 32 * c.image_width);
}

void add_block(Shapes& shapes, const std::string& prefix, int64_t width, int64_t mlp) {
  shapes[prefix + "attn.in_proj_weight"] = {3 * width, width};
  shapes[prefix + "attn.in_proj_bias"] = {3 * width};
  shapes[prefix + "attn.out_proj.weight"] = {width, width};
  shapes[prefix + "attn.out_proj.bias"] = {width};
  for (const char* norm : {"ln_1", "ln_2"}) {
    shapes[prefix + norm + ".weight"] = {width};
    shapes[prefix + norm + ".bias"] = {width};
  }
  shapes[prefix + "mlp.c_fc.weight"] = {mlp, width};
  shapes[prefix + "mlp.c_fc.bias"] = {mlp};
  shapes[prefix + "mlp.c_proj.weight"] = {width, mlp};
  shapes[prefix + "mlp.c_proj.bias"] = {width};
}

void add_vit(Shapes& shapes, const Architecture& a) {
  const ClipConfig& c = a.config;
  const int64_t width = c.image_width;
  const int64_t grid = c.image_size / c.patch_size;
  shapes["visual.conv1.weight"] = {width, 3, c.patch_size, c.patch_size};
  shapes["visual.class_embedding"] = {width};
  shapes["visual.positional_embedding"] = {grid * grid + 1, width};
  shapes["visual.proj"] = {width, c.embed_dim};
  if (c.timm_vit) shapes["visual.conv1.bias"] = {width};
  for (const char* norm : {"ln_pre", "ln_post"}) {
    if (c.timm_vit && norm == std::string_view("ln_pre")) continue;
    shapes[cat("visual.", norm, ".weight")] = {width};
    shapes[cat("visual.", norm, ".bias")] = {width};
  }
  for (int64_t i = 0; i < c.image_layers; ++i) {
    add_block(shapes, cat("visual.transformer.resblocks.", i, "."), width, a.image_mlp);
  }
}

void add_batch_norm(Shapes& shapes, const std::string& name, int64_t width) {
  for (const char* part : {".weight", ".bias", ".running_mean", ".running_var"}) {
    shapes[name + part] = {width};
  }
}

void add_resnet(Shapes& shapes, const ClipConfig& c) {
  const int64_t width = c.image_width;
  shapes["visual.conv1.weight"] = {width / 2, 3, 3, 3};
  shapes["visual.conv2.weight"] = {width / 2, width / 2, 3, 3};
  shapes["visual.conv3.weight"] = {width, width / 2, 3, 3};
  add_batch_norm(shapes, "visual.bn1", width / 2);
  add_batch_norm(shapes, "visual.bn2", width / 2);
  add_batch_norm(shapes, "visual.bn3", width);
  int64_t input = width;
  for (int stage = 0; stage < 4; ++stage) {
    const int64_t planes = width << stage;
    for (int64_t i = 0; i < c.resnet_layers[stage]; ++i) {
      const std::string block = cat("visual.layer", stage + 1, ".", i, ".");
      shapes[block + "conv1.weight"] = {planes, input, 1, 1};
      shapes[block + "conv2.weight"] = {planes, planes, 3, 3};
      shapes[block + "conv3.weight"] = {4 * planes, planes, 1, 1};
      add_batch_norm(shapes, block + "bn1", planes);
      add_batch_norm(shapes, block + "bn2", planes);
      add_batch_norm(shapes, block + "bn3", 4 * planes);
      if (i == 0) {
        shapes[block + "downsample.0.weight"] = {4 * planes, input, 1, 1};
        add_batch_norm(shapes, block + "downsample.1", 4 * planes);
      }
      input = 4 * planes;
    }
  }
  const int64_t grid = c.image_size / 32;
  shapes["visual.attnpool.positional_embedding"] = {grid * grid + 1, input};
  for (const char* part : {"q_proj", "k_proj", "v_proj", "c_proj"}) {
    const int64_t out = part[0] == 'c' ? c.embed_dim : input;
    shapes[cat("visual.attnpool.", part, ".weight")] = {out, input};
    shapes[cat("visual.attnpool.", part, ".bias")] = {out};
  }
}

std::string architecture_text(const Architecture& a) {
  const ClipConfig& c = a.config;
  uint64_t eps_bits = 0;
  std::memcpy(&eps_bits, &c.layer_norm_eps, sizeof eps_bits);
  std::string text = cat("clip/1 activation=", static_cast<int>(c.activation),
                         " kind=", static_cast<int>(c.image_kind), " embed=", c.embed_dim,
                         " image=", c.image_size, ",", c.image_width, ",", c.image_layers, ",",
                         c.image_heads, ",", a.image_mlp, ",", c.patch_size, " resnet=");
  for (int64_t layers : c.resnet_layers) text += cat(layers, ",");
  return text + cat(" text=", c.context_length, ",", c.vocab_size, ",", c.text_width, ",",
                    c.text_layers, ",", c.text_heads, ",", a.text_mlp, " eps=", eps_bits,
                    c.timm_vit ? " timm" : "");
}

}  // namespace

void check_architecture(const Architecture& a, const std::string& source) {
  const ClipConfig& c = a.config;
  SizeFaults faults;
  faults.range("embedding width", c.embed_dim, 1, kMaxWidth);
  faults.range("context length", c.context_length, 3, kMaxSide);
  faults.range("vocabulary size", c.vocab_size, 1, kMaxVocab);
  faults.range("text width", c.text_width, 1, kMaxWidth);
  faults.range("text layers", c.text_layers, 1, kMaxLayers);
  faults.range("text heads", c.text_heads, 1, kMaxWidth);
  faults.range("text MLP width", a.text_mlp, 1, 16 * kMaxWidth);
  faults.divides("text heads", c.text_heads, "text width", c.text_width);
  check_image(a, faults);
  std::string text = faults.text();
  if (!(c.layer_norm_eps > 0 && c.layer_norm_eps < 1)) {
    text +=
        cat("\n  layer norm epsilon is ", c.layer_norm_eps, ", expected a small number above 0");
  }
  for (double deviation : c.normalization.std) {
    if (!(deviation > 0))
      text += cat("\n  pixel standard deviation ", deviation, " is not above 0");
  }
  if (!text.empty()) {
    fail(ErrorKind::kContent, source, ": these sizes are not those of a CLIP:", text);
  }
}

Shapes canonical_shapes(const Architecture& a) {
  const ClipConfig& c = a.config;
  Shapes shapes;
  shapes["logit_scale"] = {};
  shapes["token_embedding.weight"] = {c.vocab_size, c.text_width};
  shapes["positional_embedding"] = {c.context_length, c.text_width};
  shapes["text_projection"] = {c.text_width, c.embed_dim};
  shapes["ln_final.weight"] = {c.text_width};
  shapes["ln_final.bias"] = {c.text_width};
  for (int64_t i = 0; i < c.text_layers; ++i) {
    add_block(shapes, cat("transformer.resblocks.", i, "."), c.text_width, a.text_mlp);
  }
  if (c.image_kind == ImageTowerKind::kVit) {
    add_vit(shapes, a);
  } else {
    add_resnet(shapes, c);
  }
  return shapes;
}

std::string shape_text(const Shape& shape) {
  std::string text;
  for (int64_t size : shape) text += cat(text.empty() ? "" : ", ", size);
  return "(" + text + ")";
}

Digest::Bytes fingerprint_of(const Architecture& architecture, const Tensors& weights) {
  Digest digest;
  digest.update_text(architecture_text(architecture));
  for (const auto& [name, tensor] : weights) {
    digest.update_text(name);
    digest.update_text(shape_text(tensor.sizes().vec()));
    digest.update(tensor.data_ptr(), tensor.nbytes());
  }
  return digest.bytes();
}

}  // namespace qprompt::checkpoint
