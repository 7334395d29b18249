#include "demo_check.h"

#include <cmath>
#include <cstdio>
#include <numbers>

#include "demo_model.h"

namespace qprompt::demo {
namespace {

constexpr int64_t kContextRows = 4;
constexpr int64_t kEpochs = 50;
constexpr int64_t kBatch = 32;

torch::Tensor unit(const torch::Tensor& features) {  // (N, E) -> (N, E)
  return features / features.norm(2, -1, true);
}

torch::Tensor image_features(plain::PlainClip& clip, const std::vector<Picture>& pictures) {
  constexpr size_t kChunk = 256;
  std::vector<torch::Tensor> chunks;
  for (size_t i = 0; i < pictures.size(); i += kChunk) {
    const auto first = pictures.begin() + static_cast<std::ptrdiff_t>(i);
    const auto count = static_cast<std::ptrdiff_t>(std::min(kChunk, pictures.size() - i));
    chunks.push_back(unit(clip->encode_image(pixels_of({first, first + count}))));
  }
  return torch::cat(chunks);  // (N, E)
}

std::vector<std::string> fill(const std::string& prompt_template,
                              const std::vector<std::string>& names) {
  std::vector<std::string> texts;
  const size_t slot = prompt_template.find("{}");
  for (const std::string& name : names) {
    texts.push_back(std::string(prompt_template).replace(slot, 2, name));
  }
  return texts;
}

torch::Tensor labels_of(const TaskSplit& split) {  // (N), int64
  return torch::tensor(split.labels, torch::kInt64);
}

double accuracy(plain::PlainClip& clip, const TaskSplit& split, const torch::Tensor& text) {
  const torch::Tensor logits = image_features(clip, split.pictures).matmul(text.t());  // (N, C)
  return 100 * logits.argmax(-1).eq(labels_of(split)).to(torch::kDouble).mean().item<double>();
}

// The prompts of one half with the rows after the start token replaced by the context.
class Prompts {
 public:
  Prompts(plain::PlainClip& clip, const Bpe& bpe, bool base) {
    torch::NoGradGuard no_grad;
    const torch::Tensor ids = ids_of(bpe, fill(kPlainTemplate, half_names(base)));  // (C, L)
    rows_ = clip->token_embedding(ids);
    eot_ = ids.argmax(-1);
  }
  torch::Tensor words() const { return rows_.select(0, 0).narrow(0, 1, kContextRows).clone(); }

  // context (M, D) -> normalised text features (C, E)
  torch::Tensor features(plain::PlainClip& clip, const torch::Tensor& context) const {
    const int64_t classes = rows_.size(0), after = 1 + kContextRows;
    const torch::Tensor shared = context.unsqueeze(0).expand({classes, -1, -1});  // (C, M, D)
    const torch::Tensor rows = torch::cat(                                        // (C, L, D)
        {rows_.narrow(1, 0, 1), shared, rows_.narrow(1, after, rows_.size(1) - after)}, 1);
    return unit(clip->encode_text_from_embeddings(rows, eot_));
  }

 private:
  torch::Tensor rows_;  // (C, L, D)
  torch::Tensor eot_;   // (C)
};

double learning_rate(int64_t epoch) {
  if (epoch == 0) return 1e-5;
  return 0.002 * 0.5 * (1 + std::cos(std::numbers::pi * static_cast<double>(epoch) / kEpochs));
}

std::vector<int64_t> shuffled(int64_t count, Random& random) {
  std::vector<int64_t> order(static_cast<size_t>(count));
  for (size_t i = 0; i < order.size(); ++i) order[i] = static_cast<int64_t>(i);
  random.shuffle(order);
  return order;
}

}  // namespace

HalfAccuracies zero_shot(plain::PlainClip& clip, const Bpe& bpe, const TaskSplit& split,
                         const std::string& prompt_template) {
  torch::NoGradGuard no_grad;
  auto measure = [&](bool base) {
    const torch::Tensor text = unit(  // (C, E)
        clip->encode_text(ids_of(bpe, fill(prompt_template, half_names(base)))));
    return accuracy(clip, half_of(split, base), text);
  };
  return {measure(true), measure(false)};
}

HalfAccuracies coop(plain::PlainClip& clip, const Bpe& bpe, const TaskSplit& train,
                    const TaskSplit& test, uint64_t seed) {
  for (torch::Tensor& parameter : clip->parameters()) parameter.set_requires_grad(false);
  const TaskSplit shots = half_of(train, true);
  const torch::Tensor images = image_features(clip, shots.pictures);  // (N, E)
  const torch::Tensor labels = labels_of(shots);                      // (N)
  const Prompts base(clip, bpe, true), fresh(clip, bpe, false);
  const double scale = std::exp(clip->logit_scale.item<double>());

  torch::Tensor context = base.words().requires_grad_(true);  // (M, D)
  torch::optim::SGD optimizer({context},
                              torch::optim::SGDOptions(0.002).momentum(0.9).weight_decay(5e-4));
  Random random(seed);
  for (int64_t epoch = 0; epoch < kEpochs; ++epoch) {
    static_cast<torch::optim::SGDOptions&>(optimizer.param_groups()[0].options())
        .lr(learning_rate(epoch));
    const torch::Tensor order = torch::tensor(shuffled(labels.size(0), random));  // (N)
    double loss_sum = 0;
    int64_t steps = 0;
    for (int64_t i = 0; i + kBatch <= labels.size(0); i += kBatch, ++steps) {
      const torch::Tensor batch = order.narrow(0, i, kBatch);  // (B)
      const torch::Tensor logits =                             // (B, C)
          scale * images.index({batch}).matmul(base.features(clip, context).t());
      const torch::Tensor loss = torch::cross_entropy_loss(logits, labels.index({batch}));  // ()
      optimizer.zero_grad();
      loss.backward();
      optimizer.step();
      loss_sum += loss.item<double>();
    }
    if (epoch % 10 == 0 || epoch == kEpochs - 1) {
      std::fprintf(stderr, "CoOp epoch %2lld: loss %.4f, context rms %.4f\n",
                   static_cast<long long>(epoch + 1), loss_sum / static_cast<double>(steps),
                   context.square().mean().sqrt().item<double>());
    }
  }
  torch::NoGradGuard no_grad;
  return {accuracy(clip, half_of(test, true), base.features(clip, context)),
          accuracy(clip, half_of(test, false), fresh.features(clip, context))};
}

}  // namespace qprompt::demo
