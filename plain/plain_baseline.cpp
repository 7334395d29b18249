#include "plain_baseline.h"

#include "plain_clip.h"

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

struct PlainBaseline::Impl {
  PlainClip clip{nullptr};
};

PlainBaseline::PlainBaseline(const State& state, bool quick_gelu)
    : impl_(std::make_unique<Impl>()) {
  impl_->clip = PlainClip(config_of(state, quick_gelu));
  for (auto& parameter : impl_->clip->named_parameters()) {
    const at::Tensor& value = entry(state, parameter.key());
    TORCH_CHECK(value.sizes() == parameter.value().sizes(), "tensor '", parameter.key(), "' is ",
                value.sizes(), ", expected ", parameter.value().sizes());
    parameter.value().set_data(value.to(at::kFloat));
    parameter.value().set_requires_grad(false);
  }
}

PlainBaseline::~PlainBaseline() = default;

at::Tensor PlainBaseline::encode_image(const at::Tensor& pixels) {
  const torch::NoGradGuard no_grad;
  return impl_->clip->encode_image(pixels);
}

at::Tensor PlainBaseline::encode_text(const at::Tensor& ids) {
  const torch::NoGradGuard no_grad;
  return impl_->clip->encode_text(ids);
}

CoopTexts PlainBaseline::coop_texts(const std::vector<std::vector<int64_t>>& names,
                                    int64_t n_ctx) const {
  const PlainClipConfig& config = impl_->clip->config();
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

double PlainBaseline::coop_step(const CoopTexts& texts, at::Tensor& context,
                                const at::Tensor& image, const at::Tensor& labels) {
  PlainClip& clip = impl_->clip;
  const int64_t classes = texts.ids.size(0), n_ctx = context.size(0), width = context.size(1);
  const torch::Tensor leaf = context.detach().requires_grad_(true);        // (M, D)
  const torch::Tensor frozen = clip->token_embedding(texts.ids).detach();  // (C, L, D)
  const torch::Tensor rows =
      torch::cat({frozen.narrow(1, 0, 1), leaf.unsqueeze(0).expand({classes, n_ctx, width}),
                  frozen.narrow(1, 1 + n_ctx, frozen.size(1) - 1 - n_ctx)},
                 1);                                                              // (C, L, D)
  const torch::Tensor text = clip->encode_text_from_embeddings(rows, texts.eot);  // (C, E)
  const torch::Tensor unit = text / text.norm(2, -1, true);                       // (C, E)
  const torch::Tensor logits = clip->logit_scale.exp() * image.matmul(unit.t());  // (B, C)
  const torch::Tensor loss = torch::nn::functional::cross_entropy(logits, labels);
  loss.backward();
  context = (context - rate * leaf.grad()).detach();
  return loss.item<double>();
}

}  // namespace qprompt::plain
