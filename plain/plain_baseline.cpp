#include "plain_baseline.h"

#include "frozen_clip.h"

namespace qprompt::plain {

struct PlainBaseline::Impl {
  PlainClip clip{nullptr};
};

PlainBaseline::PlainBaseline(const std::map<std::string, at::Tensor>& state, bool quick_gelu)
    : impl_(std::make_unique<Impl>()) {
  impl_->clip = frozen_clip(state, quick_gelu);
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
  return padded_texts(impl_->clip->config(), names, n_ctx);
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
