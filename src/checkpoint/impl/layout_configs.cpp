// Sizes from the JSON configurations of Hugging Face and OpenCLIP folders.
#include <cmath>
#include <filesystem>

#include "checkpoint/impl/json_fields.h"
#include "checkpoint/impl/layouts.h"
#include "checkpoint/impl/preprocess.h"

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

/// Hidden width of an OpenCLIP MLP, rounded as OpenCLIP does.
int64_t open_clip_mlp(const JsonFields& part, int64_t width) {
  const double ratio = part.number("mlp_ratio", 4.0);
  if (!(ratio > 0 && ratio < 64) || width < 0 || width > (1 << 20)) return 0;
  return static_cast<int64_t>(static_cast<double>(width) * ratio);
}

void read_open_clip_vision(const JsonFields& vision, Architecture& a) {
  ClipConfig& c = a.config;
  if (vision.has("timm_model_name")) {
    vision.wrong("timm_model_name",
                 "nothing: image towers of timm, such as EVA's, SigLIP's and MobileCLIP's, are of "
                 "another kind than CLIP's");
  }
  for (const char* key :
       {"ls_init_value", "attentional_pool", "global_average_pool", "no_ln_pre",
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
  if (const std::string type = root.text("model_type", "clip"); type != "clip") {
    root.wrong("model_type", cat("'clip': ", type, " has towers of another kind"));
  }
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
  read_hf_preprocessor(folder, c);
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
  read_open_clip_preprocessor(root.object("preprocess_cfg"), c);
  return a;
}

}  // namespace qprompt::checkpoint
