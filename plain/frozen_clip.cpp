#include "frozen_clip.h"

namespace qprompt::plain {
namespace {

using State = std::map<std::string, at::Tensor>;

const at::Tensor& entry(const State& state, const std::string& name) {
  const auto found = state.find(name);
  TORCH_CHECK(found != state.end(), "the state dict has no tensor '", name, "'");
  return found->second;
}

int64_t count_blocks(const State& state, const std::string& prefix) {
  int64_t count = 0;
  while (state.count(prefix + "resblocks." + std::to_string(count) + ".ln_1.weight") != 0) ++count;
  return count;
}

PlainClipConfig config_of(const State& state, bool quick_gelu) {
  PlainClipConfig config;
  const at::Tensor& patches = entry(state, "visual.conv1.weight");                // (W, 3, p, p)
  const int64_t positions = entry(state, "visual.positional_embedding").size(0);  // 1 + patches
  config.patch_size = patches.size(2);
  config.vision_width = patches.size(0);
  int64_t grid = 1;
  while (grid * grid < positions - 1) ++grid;
  config.image_resolution = grid * config.patch_size;
  config.vision_layers = count_blocks(state, "visual.transformer.");
  config.context_length = entry(state, "positional_embedding").size(0);
  config.vocab_size = entry(state, "token_embedding.weight").size(0);
  config.text_width = entry(state, "text_projection").size(0);
  config.embed_dim = entry(state, "text_projection").size(1);
  config.text_layers = count_blocks(state, "transformer.");
  config.quick_gelu = quick_gelu;
  return config;
}

}  // namespace

PlainClip frozen_clip(const State& state, bool quick_gelu) {
  PlainClip clip(config_of(state, quick_gelu));
  for (auto& parameter : clip->named_parameters()) {
    const at::Tensor& value = entry(state, parameter.key());
    TORCH_CHECK(value.sizes() == parameter.value().sizes(), "tensor '", parameter.key(), "' is ",
                value.sizes(), ", expected ", parameter.value().sizes());
    parameter.value().set_data(value.to(at::kFloat));
    parameter.value().set_requires_grad(false);
  }
  return clip;
}

CoopTexts padded_texts(const PlainClipConfig& config,
                       const std::vector<std::vector<int64_t>>& names, int64_t n_ctx) {
  const auto classes = static_cast<int64_t>(names.size());
  CoopTexts texts{torch::zeros({classes, config.context_length}, torch::kLong),
                  torch::zeros({classes}, torch::kLong)};
  for (int64_t c = 0; c < classes; ++c) {
    const auto& name = names[static_cast<size_t>(c)];
    const auto length = 2 + n_ctx + static_cast<int64_t>(name.size());
    TORCH_CHECK(length <= config.context_length, "class ", c, " is ", length, " tokens long");
    int64_t* row = texts.ids[c].data_ptr<int64_t>();
    row[0] = config.vocab_size - 2;
    std::copy(name.begin(), name.end(), row + 1 + n_ctx);
    row[length - 1] = config.vocab_size - 1;
    texts.eot[c] = length - 1;
  }
  return texts;
}

}  // namespace qprompt::plain
