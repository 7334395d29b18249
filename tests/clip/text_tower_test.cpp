// The packed tower against a plain one that pads every text to the context length.
#include <ATen/core/grad_mode.h>
#include <torch/csrc/autograd/autograd.h>

#include <cmath>

#include "clip/impl/text_tower.h"
#include "engine/impl/attention.h"
#include "support/small_clip.h"

namespace qprompt {
namespace {

using Texts = std::vector<std::vector<PackedRow>>;

at::Tensor plain_norm(const checkpoint::Tensors& w, const std::string& name, const at::Tensor& x) {
  const at::Tensor centred = x - x.mean(-1, true);
  const at::Tensor variance = centred.pow(2).mean(-1, true);
  return centred / (variance + 1e-5).sqrt() * w.at(name + ".weight") + w.at(name + ".bias");
}

/// One residual attention block on padded rows (C, L, D).
at::Tensor plain_block(const checkpoint::Tensors& w, const std::string& block, const at::Tensor& x,
                       const ClipConfig& config) {
  const int64_t c = x.size(0), l = x.size(1), d = x.size(2), heads = config.text_heads;
  const auto linear = [&](const at::Tensor& in, const std::string& weight,
                          const std::string& bias) {
    return at::matmul(in, w.at(block + weight).t()) + w.at(block + bias);
  };
  const auto split = [&](const at::Tensor& in) {
    return in.reshape({c, l, heads, d / heads}).transpose(1, 2);  // (C, heads, L, d)
  };
  const auto qkv =
      linear(plain_norm(w, block + "ln_1", x), "attn.in_proj_weight", "attn.in_proj_bias")
          .chunk(3, -1);
  const at::Tensor mask =
      at::full({l, l}, -INFINITY, x.options().requires_grad(false)).triu(1);  // (L, L)
  const at::Tensor scores = at::matmul(split(qkv[0]), split(qkv[1]).transpose(2, 3)) /
                            std::sqrt(static_cast<double>(d / heads));
  const at::Tensor seen =
      at::matmul(at::softmax(scores + mask, -1), split(qkv[2])).transpose(1, 2).reshape({c, l, d});
  const at::Tensor y = x + linear(seen, "attn.out_proj.weight", "attn.out_proj.bias");
  const at::Tensor h = linear(plain_norm(w, block + "ln_2", y), "mlp.c_fc.weight", "mlp.c_fc.bias");
  const at::Tensor active = config.activation == Activation::kGelu
                                ? h * 0.5 * (1 + at::erf(h / std::sqrt(2.0)))
                                : h * at::sigmoid(h * 1.702);
  return y + linear(active, "mlp.c_proj.weight", "mlp.c_proj.bias");
}

/// Features (C, E) from texts padded with token 0.
at::Tensor plain_tower(const checkpoint::Tensors& w, const ClipConfig& config, const Texts& texts,
                       const at::Tensor& learned) {
  std::vector<at::Tensor> padded;  // (L, D)
  for (const auto& text : texts) {
    std::vector<at::Tensor> rows;  // (D)
    for (int64_t i = 0; i < config.context_length; ++i) {
      const bool inside = i < static_cast<int64_t>(text.size());
      rows.push_back(inside && text[i].learned >= 0
                         ? learned[text[i].learned]
                         : w.at("token_embedding.weight")[inside ? text[i].token : 0]);
    }
    padded.push_back(at::stack(rows) + w.at("positional_embedding"));
  }
  at::Tensor x = at::stack(padded);  // (C, L, D)
  for (int64_t i = 0; i < config.text_layers; ++i) {
    x = plain_block(w, cat("transformer.resblocks.", i, "."), x, config);
  }
  x = plain_norm(w, "ln_final", x);
  std::vector<at::Tensor> read;  // (D)
  for (size_t c = 0; c < texts.size(); ++c) {
    read.push_back(x[static_cast<int64_t>(c)][static_cast<int64_t>(texts[c].size()) - 1]);
  }
  return at::matmul(at::stack(read), w.at("text_projection"));
}

double distance(const at::Tensor& a, const at::Tensor& b) {
  return ((a - b).norm() / b.norm()).item<double>();
}

/// A random layout: `context` learned rows (a class's own when `specific`) before or after a name.
struct Case {
  std::string name;
  int64_t classes, context, shortest, longest;
  bool specific = false, context_last = false;
  Activation activation = Activation::kQuickGelu;
};
void PrintTo(const Case& c, std::ostream* out) { *out << c.name; }

Texts make_texts(const Case& c) {
  Rng rng(3);
  Texts texts;
  for (int64_t k = 0; k < c.classes; ++k) {
    std::vector<PackedRow> context, name, text{{.token = 35}};
    for (int64_t m = 0; m < c.context; ++m) {
      context.push_back({.learned = m + (c.specific ? k * c.context : 0)});
    }
    const int64_t length = c.shortest + rng.below(c.longest - c.shortest + 1);
    for (int64_t i = 0; i < length; ++i) name.push_back({.token = rng.below(30)});
    for (const auto& part : {c.context_last ? name : context, c.context_last ? context : name}) {
      text.insert(text.end(), part.begin(), part.end());
    }
    text.push_back({.token = 36});
    texts.push_back(std::move(text));
  }
  return texts;
}

class PackedTower : public ::testing::TestWithParam<Case> {
 protected:
  checkpoint::Architecture architecture_ = testing_support::odd_architecture();
  checkpoint::Tensors weights_ = testing_support::random_weights(architecture_, at::kDouble);
  Texts texts_ = make_texts(GetParam());

  at::Tensor learned() const {
    const Case& c = GetParam();
    const int64_t rows = std::max<int64_t>(1, c.context * (c.specific ? c.classes : 1));
    return (at::randn({rows, 33}, at::kDouble) * 0.2).requires_grad_();
  }
  clip::TextTower tower() {
    architecture_.config.activation = GetParam().activation;
    return clip::place_text_tower(weights_, architecture_.config, {at::kCPU, at::kDouble});
  }
};

TEST_P(PackedTower, EqualsThePaddedTowerInFeaturesAndGradient) {
  const clip::TextTower packed_tower = tower();
  PackedPrompts prompts = pack_prompts(texts_);
  prompts.learned = learned();
  const at::Tensor other = prompts.learned.detach().clone().requires_grad_();
  const at::Tensor packed = clip::run_text_tower(packed_tower, prompts);
  const at::Tensor plain = plain_tower(weights_, architecture_.config, texts_, other);
  EXPECT_LT(distance(packed, plain), 1e-12);
  if (GetParam().context == 0) return;
  const at::Tensor direction = at::randn(packed.sizes(), at::kDouble);
  (packed * direction).sum().backward();
  (plain * direction).sum().backward();
  EXPECT_LT(distance(prompts.learned.grad(), other.grad()), 1e-11);
  const at::NoGradGuard no_grad;
  EXPECT_LT(distance(clip::run_text_tower(packed_tower, prompts), plain), 1e-12);
}

TEST_P(PackedTower, LoopsEqualDenseAttentionInValuesAndGradients) {
  const PackedPrompts prompts = pack_prompts(texts_);
  engine::Sequence sequence;
  sequence.heads = 3;
  sequence.packed = clip::plan_packed(prompts).rows;
  const auto rows = static_cast<int64_t>(prompts.rows.size());
  const auto classes = static_cast<int64_t>(prompts.classes.size());
  const auto draw = [](int64_t n, int64_t width) {
    return at::randn({n, width}, at::kDouble).requires_grad_();
  };
  for (const engine::AttentionInput& input :
       {engine::AttentionInput{draw(rows, 99), {}},
        engine::AttentionInput{draw(classes, 33), draw(rows, 66)}}) {
    const at::Tensor dense = engine::generic_attention(input, sequence);
    const at::Tensor direction = at::randn(dense.sizes(), at::kDouble);
    (dense * direction).sum().backward();
    const at::NoGradGuard no_grad;
    const engine::AttentionOutput loops = engine::attend(input, sequence);
    EXPECT_LT(distance(loops.seen, dense), 1e-13);
    const engine::AttentionInput grads =
        engine::attend_backward(input, sequence, loops.probabilities, direction);
    EXPECT_LT(distance(grads.a, input.a.grad()), 1e-12);
    if (input.reads_only()) {
      EXPECT_LT(distance(grads.b, input.b.grad()), 1e-12);
    }
  }
}

TEST_P(PackedTower, GradientEqualsFiniteDifferences) {
  if (GetParam().context == 0) return;  // nothing is learned
  const clip::TextTower packed_tower = tower();
  PackedPrompts prompts = pack_prompts(texts_);
  prompts.learned = learned();
  const at::Tensor features = clip::run_text_tower(packed_tower, prompts);
  const at::Tensor direction = at::randn(features.sizes(), at::kDouble);
  (features * direction).sum().backward();
  const at::Tensor step = at::randn(prompts.learned.sizes(), at::kDouble);
  const double expected = (prompts.learned.grad() * step).sum().item<double>();
  const at::NoGradGuard no_grad;
  const auto loss_at = [&](double t) {
    PackedPrompts moved = prompts;
    moved.learned = prompts.learned.detach() + t * step;
    return (clip::run_text_tower(packed_tower, moved) * direction).sum().item<double>();
  };
  const double h = 1e-5;
  EXPECT_NEAR((loss_at(h) - loss_at(-h)) / (2 * h), expected, 1e-6 * (1 + std::abs(expected)));
}

TEST_P(PackedTower, ASecondWayBackGivesTheSameGradient) {
  if (GetParam().context == 0) return;  // nothing is learned
  PackedPrompts prompts = pack_prompts(texts_);
  prompts.learned = learned();
  const at::Tensor sum = clip::run_text_tower(tower(), prompts).sum();
  const at::Tensor first = torch::autograd::grad({sum}, {prompts.learned}, {}, true)[0];
  EXPECT_LT(distance(torch::autograd::grad({sum}, {prompts.learned})[0], first), 1e-13);
}

TEST_P(PackedTower, ClassesInChunksGiveTheSameFeaturesAndGradient) {
  if (GetParam().context == 0) return;  // nothing is learned
  const clip::TextTower packed_tower = tower();
  PackedPrompts prompts = pack_prompts(texts_);
  prompts.learned = learned();
  const at::Tensor whole = clip::run_text_tower(packed_tower, prompts);
  const at::Tensor direction = at::randn(whole.sizes(), at::kDouble);
  const at::Tensor gradient =
      torch::autograd::grad({(whole * direction).sum()}, {prompts.learned})[0];
  for (const int64_t chunk : {1, 2, 3, 100}) {
    const at::Tensor features = clip::run_text_tower(packed_tower, prompts, chunk);
    EXPECT_LT(distance(features, whole), 1e-13) << chunk;
    EXPECT_LT(distance(torch::autograd::grad({(features * direction).sum()}, {prompts.learned})[0],
                       gradient),
              1e-12)
        << chunk;
  }
}

INSTANTIATE_TEST_SUITE_P(
    Layouts, PackedTower,
    ::testing::Values(Case{"SeveralClasses", 5, 4, 1, 6}, Case{"OneClass", 1, 4, 3, 3},
                      Case{"OneTokenNames", 7, 2, 1, 1}, Case{"TheLongestName", 3, 4, 13, 13},
                      Case{"LongAndShortNames", 9, 1, 1, 16},
                      Case{"ClassSpecific", 4, 3, 1, 4, true},
                      Case{"ClassTokenInFront", 4, 3, 1, 4, false, true},
                      Case{"NothingLearned", 6, 0, 1, 5}, Case{"ManyClasses", 120, 4, 1, 4},
                      Case{"ExactGelu", 5, 4, 1, 6, false, false, Activation::kGelu}),
    [](const auto& info) { return info.param.name; });

TEST(PackedTowerLimits, ThousandsOfClassesWithoutAGraphEqualThemselvesInPieces) {
  const checkpoint::Architecture architecture = testing_support::odd_architecture();
  const checkpoint::Tensors weights = testing_support::random_weights(architecture, at::kFloat);
  const auto tower = clip::place_text_tower(weights, architecture.config, {});
  const Texts texts = make_texts({"", 10'000, 4, 1, 5});
  PackedPrompts all = pack_prompts(texts);
  all.learned = at::randn({4, 33}) * 0.2;
  const at::Tensor features = clip::run_text_tower(tower, all);  // (C, E)
  ASSERT_EQ(features.size(0), 10'000);
  PackedPrompts last = pack_prompts(Texts(texts.end() - 3, texts.end()));
  last.learned = all.learned;
  EXPECT_LT(distance(features.narrow(0, 9'997, 3), clip::run_text_tower(tower, last)), 1e-5);
  EXPECT_FALSE(features.requires_grad());
}

TEST(PackedTowerLimits, TheChunkFollowsTheMemoryThatIsAllowed) {
  const checkpoint::Architecture architecture = testing_support::odd_architecture();
  const checkpoint::Tensors weights = testing_support::random_weights(architecture, at::kFloat);
  const auto tower = clip::place_text_tower(weights, architecture.config, {});
  PackedPrompts prompts = pack_prompts(make_texts({"", 1000, 4, 1, 5}));
  EXPECT_EQ(clip::class_chunk_within(tower, prompts, int64_t{1} << 30), 1000);
  EXPECT_EQ(clip::class_chunk_within(tower, prompts, 1), 1);
  const int64_t some = clip::class_chunk_within(tower, prompts, 1 << 20);
  EXPECT_GT(some, 1);
  EXPECT_LT(some, 1000);
  EXPECT_LT(some, clip::class_chunk_within(tower, prompts, 1 << 21));
}

TEST(PackedTowerLimits, FrozenWeightsNeverGetGradients) {
  const checkpoint::Architecture architecture = testing_support::odd_architecture();
  const checkpoint::Tensors weights = testing_support::random_weights(architecture, at::kFloat);
  const auto tower = clip::place_text_tower(weights, architecture.config, {});
  PackedPrompts prompts = pack_prompts(make_texts({"", 3, 2, 1, 2}));
  prompts.learned = at::randn({2, 33}).requires_grad_();
  clip::run_text_tower(tower, prompts).sum().backward();
  for (const auto& [name, weight] : weights) {
    EXPECT_FALSE(weight.requires_grad()) << name;
    EXPECT_FALSE(weight.grad().defined()) << name;
  }
}

}  // namespace
}  // namespace qprompt
