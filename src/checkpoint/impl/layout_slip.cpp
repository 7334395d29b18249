// SLIP's checkpoints: OpenAI's names in the text tower, timm's in the image tower.

#include <array>

#include "base/aten.h"
#include "checkpoint/impl/layouts.h"

namespace qprompt::checkpoint {
namespace {

constexpr const char* kBlocks = "visual.blocks.";
constexpr const char* kSelfSupervisedHead = "image_mlp.";

using Names = std::pair<std::string_view, std::string_view>;

bool starts_with(const std::string& text, std::string_view start) {
  return text.compare(0, start.size(), start) == 0;
}

/// "norm1.weight" → "ln_1.weight"; names that are not known stay, to be reported.
std::string block_name(const std::string& name) {
  constexpr std::array<Names, 7> kNames{{{"norm1.", "ln_1."},
                                         {"norm2.", "ln_2."},
                                         {"attn.qkv.weight", "attn.in_proj_weight"},
                                         {"attn.qkv.bias", "attn.in_proj_bias"},
                                         {"attn.proj.", "attn.out_proj."},
                                         {"mlp.fc1.", "mlp.c_fc."},
                                         {"mlp.fc2.", "mlp.c_proj."}}};
  for (const auto& [timm, canonical] : kNames) {
    if (starts_with(name, timm)) return std::string(canonical) + name.substr(timm.size());
  }
  return name;
}

std::string canonical_name(const std::string& name) {
  constexpr std::array<Names, 5> kNames{{{"visual.cls_token", "visual.class_embedding"},
                                         {"visual.pos_embed", "visual.positional_embedding"},
                                         {"visual.patch_embed.proj.", "visual.conv1."},
                                         {"visual.norm.", "visual.ln_post."},
                                         {"image_projection", "visual.proj"}}};
  if (starts_with(name, kBlocks)) {
    const size_t number = std::string_view(kBlocks).size();
    const size_t dot = name.find('.', number);
    if (dot == std::string::npos) return name;
    return "visual.transformer.resblocks." + name.substr(number, dot + 1 - number) +
           block_name(name.substr(dot + 1));
  }
  for (const auto& [timm, canonical] : kNames) {
    if (starts_with(name, timm)) {
      return std::string(canonical) + name.substr(timm.size());
    }
  }
  return name;
}

/// timm keeps the class token as (1, 1, D) and positions as (1, N, D).
at::Tensor without_leading_ones(at::Tensor tensor, int64_t dimensions) {
  while (tensor.dim() > dimensions && tensor.size(0) == 1) tensor = tensor.squeeze(0);
  return tensor;
}

}  // namespace

bool is_slip(const WeightStore& store) {
  return store.contains("visual.cls_token") && store.contains("image_projection");
}

Checkpoint open_slip(WeightStore store) {
  Checkpoint checkpoint;
  Tensors renamed;
  for (const auto& [name, tensor] : store.tensors) {
    if (starts_with(name, kSelfSupervisedHead)) continue;
    const std::string canonical = canonical_name(name);
    if (!renamed.emplace(canonical, tensor).second) {
      checkpoint.faults += cat("\n  ", canonical, " comes twice, once as ", name);
    }
  }
  at::Tensor& class_token = renamed["visual.class_embedding"];
  class_token = without_leading_ones(class_token, 1);
  if (const auto found = renamed.find("visual.positional_embedding"); found != renamed.end()) {
    found->second = without_leading_ones(found->second, 2);
  }
  store.tensors = std::move(renamed);
  checkpoint.architecture = infer_openai(store, checkpoint.faults);
  ClipConfig& config = checkpoint.architecture.config;
  config.timm_vit = true;
  config.activation_assumed = false;
  // Its ViT-S has twelve heads of 32; the larger ones have heads of 64, as inferred.
  if (config.image_width == 384) config.image_heads = 12;
  config.normalization = {{0.485, 0.456, 0.406}, {0.229, 0.224, 0.225}};  // SLIP, main.py
  checkpoint.store = std::move(store);
  return checkpoint;
}

}  // namespace qprompt::checkpoint
