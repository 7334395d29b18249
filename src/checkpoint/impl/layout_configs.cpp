// Sizes from the JSON configurations of Hugging Face and OpenCLIP folders.
#include <cmath>
#include <filesystem>

#include "checkpoint/impl/json_fields.h"
#include "checkpoint/impl/layouts.h"

namespace qprompt::checkpoint {
namespace {

namespace fs = std::filesystem;

Activation hf_activation(const JsonFields& fields) {
  const std::string name = fields.text("hidden_act", "quick_gelu");
  if (name == "quick_gelu") return Activation::kQuickGelu;
  if (name == "gelu") return Activation::kGelu;
  fields.wrong("hidden_act", "'quick_gelu' or 'gelu'");
}

/// transformers lets `text_config_dict` win over `text_config`, defaults included.
JsonFields hf_part(const JsonFields& root, const std::string& name) {
  return root.has(name + "_dict") ? root.object(name + "_dict") : root.object(name);
}

void read_hf_preprocessor(const fs::path& path, ClipConfig& config) {
  std::error_code error;
  if (!fs::exists(path, error)) return;
  const JsonFields fields = JsonFields::read(path.string());
  config.normalization.mean = fields.channels("image_mean", config.normalization.mean);
  config.normalization.std = fields.channels("image_std", config.normalization.std);
  const int64_t side =
      fields.side(fields.has("crop_size") ? "crop_size" : "size", config.image_size);
  if (side != config.image_size) {
    fail(ErrorKind::kContent, path.string(), ": images of ", side, " pixels, but the model in ",
         "config.json takes ", config.image_size);
  }
}

/// Hidden width of an OpenCLIP MLP, rounded as OpenCLIP does.
int64_t open_clip_mlp(const JsonFields& part, int64_t width) {
  const double ratio = part.number("mlp_ratio", 4.0);
  if (!(ratio > 0 && ratio < 64) || width < 0 || width > (1 << 20)) return 0;
  return static_cast<int64_t>(static_cast<double>(width) * ratio);
}

void read_open_clip_vision(const JsonFields& vision, Architecture& a) {
  ClipConfig& c = a.config;
  for (const char* key :
       {"timm_model_name", "ls_init_value", "attentional_pool", "global_average_pool", "no_ln_pre",
        "final_ln_after_pool", "act_kwargs", "norm_kwargs", "input_patchnorm", "qk_norm"}) {
    vision.refuse(key);
  }
  vision.refuse("pool_type", "tok");
  vision.refuse("pos_embed_type", "learnable");
  c.image_size = vision.side("image_size", 224);
  c.image_width = vision.integer("width", 768);
  const int64_t head_width = vision.integer("head_width", 64);
  if (head_width < 1) vision.wrong("head_width", "at least 1");
  if (vision.has("layers") && vision.value("layers").is_array()) {
    const auto& layers = vision.value("layers");
    c.image_kind = ImageTowerKind::kResNet;
    if (layers.size() != 4) vision.wrong("layers", "a number, or four numbers for a ResNet");
    for (size_t i = 0; i < 4; ++i) {
      if (!layers[i].is_number_unsigned() || layers[i].get<uint64_t>() > 1'000'000) {
        vision.wrong("layers", "four small numbers");
      }
      c.resnet_layers[i] = layers[i].get<int64_t>();
    }
    c.image_width = vision.integer("width", 64);
    c.image_heads = std::min<int64_t>(c.image_width, 1 << 20) * 32 / head_width;
    return;
  }
  c.image_layers = vision.integer("layers", 12);
  c.image_heads = c.image_width / head_width;
  c.patch_size = vision.side("patch_size", 16);
  a.image_mlp = open_clip_mlp(vision, c.image_width);
}

void read_open_clip_text(const JsonFields& text, Architecture& a) {
  ClipConfig& c = a.config;
  for (const char* key : {"hf_model_name", "ls_init_value", "embed_cls", "no_causal_mask",
                          "proj_bias", "final_ln_after_pool", "act_kwargs", "norm_kwargs"}) {
    text.refuse(key);
  }
  text.refuse("pool_type", "argmax");
  text.refuse("proj_type", "linear");
  c.context_length = text.integer("context_length", 77);
  c.vocab_size = text.integer("vocab_size", 49408);
  c.text_width = text.integer("width", 512);
  c.text_heads = text.integer("heads", 8);
  c.text_layers = text.integer("layers", 12);
  a.text_mlp = open_clip_mlp(text, c.text_width);
}

}  // namespace

Architecture read_hugging_face_config(const std::string& folder) {
  const JsonFields root = JsonFields::read((fs::path(folder) / "config.json").string());
  if (root.text("model_type", "clip") != "clip") root.wrong("model_type", "'clip'");
  const JsonFields text = hf_part(root, "text_config");
  const JsonFields vision = hf_part(root, "vision_config");
  Architecture a;
  ClipConfig& c = a.config;
  c.embed_dim = root.integer("projection_dim", 512);
  c.vocab_size = text.integer("vocab_size", 49408);
  c.text_width = text.integer("hidden_size", 512);
  a.text_mlp = text.integer("intermediate_size", 2048);
  c.text_layers = text.integer("num_hidden_layers", 12);
  c.text_heads = text.integer("num_attention_heads", 8);
  c.context_length = text.integer("max_position_embeddings", 77);
  c.layer_norm_eps = text.number("layer_norm_eps", 1e-5);
  c.activation = hf_activation(text);
  c.image_width = vision.integer("hidden_size", 768);
  a.image_mlp = vision.integer("intermediate_size", 3072);
  c.image_layers = vision.integer("num_hidden_layers", 12);
  c.image_heads = vision.integer("num_attention_heads", 12);
  c.image_size = vision.side("image_size", 224);
  c.patch_size = vision.side("patch_size", 32);
  if (vision.integer("num_channels", 3) != 3) vision.wrong("num_channels", "3");
  if (hf_activation(vision) != c.activation) {
    vision.wrong("hidden_act", "the text tower's activation: towers that differ are not supported");
  }
  if (vision.number("layer_norm_eps", 1e-5) != c.layer_norm_eps) {
    vision.wrong("layer_norm_eps", "the text tower's: towers that differ are not supported");
  }
  read_hf_preprocessor(fs::path(folder) / "preprocessor_config.json", c);
  return a;
}

Architecture read_open_clip_config(const std::string& folder) {
  const JsonFields root = JsonFields::read((fs::path(folder) / "open_clip_config.json").string());
  if (!root.has("model_cfg")) {
    fail(ErrorKind::kContent, folder, "/open_clip_config.json: no 'model_cfg'");
  }
  const JsonFields model = root.object("model_cfg");
  Architecture a;
  ClipConfig& c = a.config;
  c.embed_dim = model.integer("embed_dim", 0);
  c.activation = model.flag("quick_gelu", false) ? Activation::kQuickGelu : Activation::kGelu;
  read_open_clip_vision(model.object("vision_cfg"), a);
  read_open_clip_text(model.object("text_cfg"), a);
  const JsonFields preprocess = root.object("preprocess_cfg");
  c.normalization.mean = preprocess.channels("mean", c.normalization.mean);
  c.normalization.std = preprocess.channels("std", c.normalization.std);
  preprocess.refuse("interpolation", "bicubic");
  preprocess.refuse("resize_mode", "shortest");
  return a;
}

}  // namespace qprompt::checkpoint
