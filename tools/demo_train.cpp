#include "demo_train.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <functional>
#include <future>
#include <limits>
#include <numbers>

#include "demo_model.h"

namespace qprompt::demo {
namespace {

struct Batch {
  torch::Tensor pixels;            // (B, 3, R, R)
  std::vector<std::string> texts;  // B, shortest first
  torch::Tensor exclude;           // (B, B), minus infinity where text j is true of picture i
};

struct Example {
  size_t image;  // in the range's file
  Scene scene;
  Caption caption;
  size_t length;  // of the caption, in tokens
};

// Examples sorted by the length of their captions, so that neighbours need little padding.
std::vector<Example> draw_examples(const Bpe& bpe, const ImageRange& range,
                                   const PretrainOptions& options, Random& random) {
  std::vector<Example> examples;
  for (int64_t i = 0; i < options.batch; ++i) {
    const size_t image = range.begin + random.below(range.end - range.begin);
    const Scene scene = random_scene(range.images->labels[image], random);
    const Caption caption = describe(scene, options.name_looks, random);
    examples.push_back({image, scene, caption, bpe.encode(caption.text).size()});
  }
  std::stable_sort(examples.begin(), examples.end(),
                   [](const Example& a, const Example& b) { return a.length < b.length; });
  return examples;
}

Batch draw_batch(const Bpe& bpe, const ImageRange& range, const PretrainOptions& options,
                 Random& random) {
  const std::vector<Example> examples = draw_examples(bpe, range, options, random);
  std::vector<Picture> pictures;
  Batch batch;
  for (const Example& example : examples) {
    pictures.push_back(draw(range.images->image(example.image), example.scene, true, random));
    batch.texts.push_back(example.caption.text);
  }
  batch.pixels = pixels_of(pictures);
  batch.exclude = torch::zeros({options.batch, options.batch});
  auto cells = batch.exclude.accessor<float, 2>();
  for (size_t i = 0; i < examples.size(); ++i) {
    for (size_t j = 0; j < examples.size(); ++j) {
      const bool also_true = examples[i].scene.same_class(examples[j].scene) &&
                             (examples[j].caption.named & ~examples[i].scene.looks) == 0;
      if (i != j && also_true) cells[i][j] = -std::numeric_limits<float>::infinity();
    }
  }
  return batch;
}

torch::Tensor unit(const torch::Tensor& features) {  // (N, E) -> (N, E)
  return features / features.norm(2, -1, true);
}

torch::Tensor encode_texts(plain::PlainClip& clip, const Bpe& bpe,
                           const std::vector<std::string>& texts) {
  constexpr size_t kGroups = 4;  // each padded to its own longest text
  std::vector<torch::Tensor> features;
  for (size_t group = 0; group < kGroups; ++group) {
    const auto begin = texts.begin() + static_cast<std::ptrdiff_t>(texts.size() * group / kGroups);
    const auto end =
        texts.begin() + static_cast<std::ptrdiff_t>(texts.size() * (group + 1) / kGroups);
    if (begin != end) features.push_back(clip->encode_text(ids_of(bpe, {begin, end})));
  }
  return torch::cat(features);  // (B, E)
}

torch::Tensor contrastive_loss(plain::PlainClip& clip, const torch::Tensor& image,
                               const torch::Tensor& text, const torch::Tensor& exclude) {
  const torch::Tensor logits =  // (B, B)
      clip->logit_scale.exp() * unit(image).matmul(unit(text).t()) + exclude;
  const torch::Tensor diagonal = torch::arange(logits.size(0), torch::kInt64);  // (B)
  return (torch::cross_entropy_loss(logits, diagonal) +
          torch::cross_entropy_loss(logits.t(), diagonal)) /
         2;
}

// Loss and gradients of one batch. Each tower has a thread of its own, forward and backward; they
// meet only in the features. The result does not depend on how the threads run.
double accumulate_gradients(plain::PlainClip& clip, const Bpe& bpe, const Batch& batch) {
  torch::Tensor image, text;  // (B, E)
  auto both = [](const std::function<void()>& on_image, const std::function<void()>& on_text) {
    auto other = std::async(std::launch::async, on_image);
    on_text();
    other.get();
  };
  both([&] { image = clip->encode_image(batch.pixels); },
       [&] { text = encode_texts(clip, bpe, batch.texts); });
  const torch::Tensor image_leaf = image.detach().requires_grad_(true);  // (B, E)
  const torch::Tensor text_leaf = text.detach().requires_grad_(true);    // (B, E)
  const torch::Tensor loss = contrastive_loss(clip, image_leaf, text_leaf, batch.exclude);  // ()
  loss.backward();
  both([&] { image.backward(image_leaf.grad()); }, [&] { text.backward(text_leaf.grad()); });
  return loss.item<double>();
}

torch::optim::AdamW make_optimizer(plain::PlainClip& clip, const PretrainOptions& options) {
  std::vector<torch::Tensor> decayed, free;
  for (auto& item : clip->named_parameters()) {
    const bool embedding = item.key().find("embedding") != std::string::npos;
    (item.value().dim() >= 2 && !embedding ? decayed : free).push_back(item.value());
  }
  auto settings = [&options](double decay) {
    return std::make_unique<torch::optim::AdamWOptions>(
        torch::optim::AdamWOptions(options.learning_rate)
            .betas({0.9, 0.98})
            .eps(1e-6)
            .weight_decay(decay));
  };
  std::vector<torch::optim::OptimizerParamGroup> groups;
  groups.emplace_back(decayed, settings(options.weight_decay));
  groups.emplace_back(free, settings(0.0));
  return torch::optim::AdamW(groups);
}

double learning_rate(const PretrainOptions& options, int64_t step) {
  if (step < options.warmup_steps) {
    return options.learning_rate * static_cast<double>(step + 1) /
           static_cast<double>(options.warmup_steps);
  }
  const double done = static_cast<double>(step - options.warmup_steps) /
                      static_cast<double>(options.steps - options.warmup_steps);
  return options.learning_rate * 0.5 * (1 + std::cos(std::numbers::pi * done));
}

}  // namespace

Bpe learn_vocabulary(size_t merges, double name_looks, uint64_t seed) {
  Random random(seed);
  std::vector<std::string> texts;
  for (int i = 0; i < 50000; ++i) {
    texts.push_back(
        describe(random_scene(random.below(garments().size()), random), name_looks, random).text);
  }
  // Prompts that people try: their words should not fall apart into letters.
  for (int i = 0; i < 50; ++i) {
    texts.emplace_back("a photo of a type of clothing, a piece of fashion.");
    texts.emplace_back("an image of the object, a good photo of many small and large things.");
    texts.emplace_back("this is a bad picture, a rendering, an art painting, itap of my nice shoe");
  }
  return Bpe::train(texts, merges);
}

void pretrain(plain::PlainClip& clip, const Bpe& bpe, const ImageRange& range,
              const PretrainOptions& options) {
  using Clock = std::chrono::steady_clock;
  Random random(options.seed);
  torch::optim::AdamW optimizer = make_optimizer(clip, options);
  const Clock::time_point start = Clock::now();
  double loss_sum = 0;
  constexpr int64_t kReportSteps = 100;
  for (int64_t step = 0; step < options.steps; ++step) {
    for (auto& group : optimizer.param_groups()) {
      static_cast<torch::optim::AdamWOptions&>(group.options()).lr(learning_rate(options, step));
    }
    const Batch batch = draw_batch(bpe, range, options, random);
    optimizer.zero_grad();
    loss_sum += accumulate_gradients(clip, bpe, batch);
    torch::nn::utils::clip_grad_norm_(clip->parameters(), 1.0);
    optimizer.step();
    {
      torch::NoGradGuard no_grad;
      clip->logit_scale.clamp_(0.0, std::log(100.0));
    }
    if ((step + 1) % kReportSteps == 0) {
      std::fprintf(stderr, "step %5lld of %lld: loss %.4f, logit scale %.1f, %.0f s\n",
                   static_cast<long long>(step + 1), static_cast<long long>(options.steps),
                   loss_sum / kReportSteps, std::exp(clip->logit_scale.item<double>()),
                   std::chrono::duration<double>(Clock::now() - start).count());
      loss_sum = 0;
    }
  }
}

}  // namespace qprompt::demo
