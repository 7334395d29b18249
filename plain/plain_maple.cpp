#include "plain_maple.h"

#include "frozen_clip.h"

namespace qprompt::plain {
namespace {

// What MaPLe learns; the names are those of its checkpoints.
class MaplePromptsImpl : public torch::nn::Module {
 public:
  MaplePromptsImpl(int64_t text_width, int64_t image_width, const MapleOptions& options) {
    ctx = register_parameter("ctx", 0.02 * torch::randn({options.n_ctx, text_width}));
    proj = register_module("proj", torch::nn::Linear(text_width, image_width));
    deep_texts = register_module("compound_prompts_text", torch::nn::ParameterList());
    deep_proj = register_module("compound_prompt_projections", torch::nn::ModuleList());
    for (int64_t block = 1; block < options.depth; ++block) {
      torch::Tensor rows = 0.02 * torch::randn({options.n_ctx, text_width});
      deep_texts->append(rows.set_requires_grad(true));
      deep_proj->push_back(torch::nn::Linear(text_width, image_width));
    }
  }

  // What enters the text tower before block i (n, D), and the image tower (n, W).
  torch::Tensor text_rows(int64_t i) { return i == 0 ? ctx : deep_texts[i - 1]; }
  torch::Tensor image_rows(int64_t i) {
    return i == 0 ? proj(ctx)
                  : deep_proj[i - 1]->as<torch::nn::Linear>()->forward(deep_texts[i - 1]);
  }

  torch::Tensor ctx;                             // (n, D)
  torch::nn::Linear proj{nullptr};               // D -> W
  torch::nn::ParameterList deep_texts{nullptr};  // J - 1 of (n, D)
  torch::nn::ModuleList deep_proj{nullptr};      // J - 1 of D -> W
};
TORCH_MODULE(MaplePrompts);

}  // namespace

struct PlainMaple::Impl {
  MapleOptions options;
  PlainClip clip{nullptr};
  MaplePrompts prompts{nullptr};
  torch::nn::Module root;  // holds the prompts under their name
  CoopTexts texts;
  torch::Tensor frozen;  // (C, L, D): token embeddings
  std::unique_ptr<torch::optim::SGD> optimizer;

  // The learned rows of block i (n, width), once for each of `count` sequences.
  torch::Tensor for_all(const torch::Tensor& rows, int64_t count) const {
    return rows.unsqueeze(0).expand({count, rows.size(0), rows.size(1)});
  }

  torch::Tensor encode_text() {
    const int64_t classes = frozen.size(0), length = frozen.size(1), n = options.n_ctx;
    const auto with_rows = [&](const torch::Tensor& x, const torch::Tensor& rows) {
      return torch::cat(
          {x.narrow(1, 0, 1), for_all(rows, classes), x.narrow(1, 1 + n, length - 1 - n)}, 1);
    };
    const torch::Tensor mask = causal_mask(length, frozen.options());
    torch::Tensor x = with_rows(frozen, prompts->text_rows(0)) + clip->positional_embedding;
    for (int64_t i = 0; i < clip->config().text_layers; ++i) {
      if (i > 0 && i < options.depth) x = with_rows(x, prompts->text_rows(i));
      x = clip->transformer->blocks[static_cast<size_t>(i)](x, mask);  // (C, L, D)
    }
    const torch::Tensor each = torch::arange(classes, texts.eot.options());  // (C)
    return clip->ln_final(x.index({each, texts.eot})).matmul(clip->text_projection);
  }

  torch::Tensor encode_image(const torch::Tensor& pixels) {
    VisionTower& tower = clip->visual;
    const int64_t images = pixels.size(0), width = tower->class_embedding.size(0);
    const torch::Tensor patches = tower->conv1(pixels).flatten(2).transpose(1, 2);
    const torch::Tensor first = tower->class_embedding.expand({images, 1, width});
    torch::Tensor x = torch::cat({first, patches}, 1) + tower->positional_embedding;
    const int64_t own = x.size(1);  // 1 + patches
    x = tower->ln_pre(torch::cat({x, for_all(prompts->image_rows(0), images)}, 1));
    for (int64_t i = 0; i < clip->config().vision_layers; ++i) {
      if (i > 0 && i < options.depth) {
        x = torch::cat({x.narrow(1, 0, own), for_all(prompts->image_rows(i), images)}, 1);
      }
      x = tower->transformer->blocks[static_cast<size_t>(i)](x, torch::Tensor());
    }
    return tower->ln_post(x.select(1, 0)).matmul(tower->proj);
  }

  Output run(const torch::Tensor& pixels) {
    const torch::Tensor text = encode_text(), image = encode_image(pixels);  // (C, E), (B, E)
    const torch::Tensor t = text / text.norm(2, -1, true), v = image / image.norm(2, -1, true);
    return {image, text, clip->logit_scale.exp() * v.matmul(t.t())};
  }
};

PlainMaple::PlainMaple(const std::map<std::string, at::Tensor>& state, bool quick_gelu,
                       const std::vector<std::vector<int64_t>>& names, const MapleOptions& options)
    : impl_(std::make_unique<Impl>()) {
  impl_->options = options;
  impl_->clip = frozen_clip(state, quick_gelu);
  const PlainClipConfig& config = impl_->clip->config();
  const int64_t most = std::min(config.text_layers, config.vision_layers);
  TORCH_CHECK(options.depth >= 1 && options.depth <= most, "depth ", options.depth,
              ": expected 1 to ", most);
  torch::manual_seed(options.seed);
  impl_->prompts = MaplePrompts(config.text_width, config.vision_width, options);
  impl_->root.register_module("prompt_learner", impl_->prompts);
  impl_->texts = padded_texts(config, names, options.n_ctx);
  impl_->frozen = impl_->clip->token_embedding(impl_->texts.ids).detach();
  impl_->optimizer = std::make_unique<torch::optim::SGD>(impl_->root.parameters(),
                                                         torch::optim::SGDOptions(options.rate));
}

PlainMaple::~PlainMaple() = default;

PlainMaple::Output PlainMaple::forward(const at::Tensor& pixels) {
  const torch::NoGradGuard no_grad;
  return impl_->run(pixels);
}

double PlainMaple::step(const at::Tensor& pixels, const at::Tensor& labels) {
  impl_->optimizer->zero_grad();
  const torch::Tensor loss =
      torch::nn::functional::cross_entropy(impl_->run(pixels).logits, labels);
  loss.backward();
  impl_->optimizer->step();
  return loss.item<double>();
}

std::map<std::string, at::Tensor> PlainMaple::values() const {
  std::map<std::string, at::Tensor> values;
  for (const auto& one : impl_->root.named_parameters()) {
    values[one.key()] = one.value().detach().clone();
  }
  return values;
}

std::map<std::string, at::Tensor> PlainMaple::gradients() const {
  std::map<std::string, at::Tensor> gradients;
  for (const auto& one : impl_->root.named_parameters()) {
    gradients[one.key()] = one.value().grad();
  }
  return gradients;
}

void PlainMaple::set_values(const std::map<std::string, at::Tensor>& values) {
  const torch::NoGradGuard no_grad;
  for (auto& one : impl_->root.named_parameters()) {
    const auto found = values.find(one.key());
    TORCH_CHECK(found != values.end(), "no value for '", one.key(), "'");
    TORCH_CHECK(found->second.sizes() == one.value().sizes(), "'", one.key(), "' is ",
                found->second.sizes(), ", expected ", one.value().sizes());
    one.value().copy_(found->second);
  }
}

}  // namespace qprompt::plain
