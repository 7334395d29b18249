// MaPLe, IVLP, VPT and deep text: how they meet CoOp and one another, their starts and their
// errors.
#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <functional>

#include "learner/learner.h"
#include "learner/texts.h"
#include "support/tiny_clip.h"

namespace qprompt {
namespace {

using Values = std::vector<at::Tensor>;

const Clip& tiny() {
  static const Clip clip = testing_support::open_tiny_clip();
  return clip;
}

MethodOptions of_kind(const std::string& kind, int64_t n_ctx = 2, int64_t depth = 1) {
  MethodOptions options(kind);
  options.set("n-ctx", n_ctx);
  if (options.has("depth")) options.set("depth", depth);
  return options;
}

Values start(const Learner& learner, uint64_t seed = 1) {
  Rng rng(seed);
  return learner.initial_values(rng);
}

at::Tensor pixels() {
  at::manual_seed(3);
  const int64_t r = tiny().config().image_size;
  return at::randn({3, 3, r, r});
}

double distance(const at::Tensor& a, const at::Tensor& b) {
  return ((a - b).norm() / b.norm()).item<double>();
}

std::string error_of(const MethodOptions& options, ErrorKind kind) {
  try {
    make_learner(tiny(), {"cat", "dog"}, options);
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), kind) << error.what();
    return error.what();
  }
  ADD_FAILURE() << "no error was thrown";
  return "";
}

const std::vector<std::string> kNames{"cat", "golden retriever", "sea"};

TEST(DeepPrompts, OfDepthOneWithoutVisionEqualCoOpWithTheOtherWordsInTheNames) {
  const auto deep = make_learner(tiny(), kNames, of_kind("deep-text"));
  std::vector<std::string> prefixed;
  for (const std::string& name : kNames) prefixed.push_back("of a " + name);
  MethodOptions two("coop");
  two.set("init", "a photo");
  const auto coop = make_learner(tiny(), prefixed, two);
  const Values values = start(*deep);
  EXPECT_TRUE(at::equal(values.at(0), start(*coop).at(0)));
  EXPECT_FALSE(deep->method().reads == Reads::kPixels);
  EXPECT_TRUE(at::equal(tiny().encode_text(deep->prompts(values)),
                        tiny().encode_text(coop->prompts(values))));
}

TEST(DeepPrompts, OfMaPLeWithProjectionsOfZeroAreThoseOfDeepText) {
  const auto maple = make_learner(tiny(), kNames, of_kind("maple", 2, 2));
  const auto text = make_learner(tiny(), kNames, of_kind("deep-text", 2, 2));
  const Values values = start(*maple);
  EXPECT_TRUE(at::equal(tiny().encode_text(maple->prompts(values)),
                        tiny().encode_text(text->prompts({values[0], values[1]}))));
}

TEST(DeepPrompts, OfIvlpAreCoOpInTheTextsAndVptInTheImages) {
  const auto ivlp = make_learner(tiny(), kNames, of_kind("ivlp", 4, 1));
  const auto coop = make_learner(tiny(), kNames, MethodOptions("coop"));
  const auto vpt = make_learner(tiny(), kNames, of_kind("vpt", 4, 1));
  const Values values = start(*ivlp);
  ASSERT_EQ(values.size(), 2u);
  EXPECT_TRUE(at::equal(tiny().encode_text(ivlp->prompts(values)),
                        tiny().encode_text(coop->prompts({values[0]}))));
  EXPECT_TRUE(at::equal(tiny().encode_image(pixels(), ivlp->image_prompts(values)),
                        tiny().encode_image(pixels(), vpt->image_prompts({values[1]}))));
  const at::Tensor fixed = tiny().encode_text(vpt->prompts({values[1]}));
  const at::Tensor spoken = tiny().encode_text(pack_texts(
      tiny(), {"a photo of a cat.", "a photo of a golden retriever.", "a photo of a sea."}));
  EXPECT_TRUE(at::equal(fixed, spoken));
}

TEST(DeepPrompts, OfIvlpTakeRowsAndDepthOfTheImagesByThemselves) {
  MethodOptions options = of_kind("ivlp", 2, 2);
  options.set("vision-ctx", 5);
  options.set("vision-depth", 1);
  const auto learner = make_learner(tiny(), kNames, options);
  const int64_t width = tiny().config().image_width;
  EXPECT_EQ(learner->image_prompts(start(*learner)).learned.sizes(),
            at::IntArrayRef({1, 5, width}));
  EXPECT_EQ(learner->prompts(start(*learner)).deep.size(), 1u);
}

TEST(DeepPrompts, ReplaceTheirRowsBeforeTheDeeperBlocks) {
  for (const char* kind : {"maple", "vpt"}) {
    const auto learner = make_learner(tiny(), kNames, of_kind(kind, 2, 2));
    Values values = start(*learner);
    const at::Tensor before = tiny().encode_image(pixels(), learner->image_prompts(values));
    // Of the deeper block; a shift of all values would vanish in its layer norm.
    values.back() = values.back() + at::arange(values.back().numel()).view_as(values.back()).sin();
    const at::Tensor after = tiny().encode_image(pixels(), learner->image_prompts(values));
    EXPECT_GT(distance(after, before), 1e-3);
  }
}

/// The derivative of f along `direction` from values on both sides.
double slope(const std::function<double(const at::Tensor&)>& f, const at::Tensor& at,
             const at::Tensor& direction) {
  const double step = 1e-2;
  return (f(at + step * direction) - f(at - step * direction)) / (2 * step);
}

TEST(DeepPrompts, GradientOfTheImageRowsIsTheSlopeInChunksAndInOne) {
  const auto learner = make_learner(tiny(), kNames, of_kind("vpt", 2, 2));
  const at::Tensor images = pixels();
  at::manual_seed(5);
  // Of the size of other rows, so that a step of the slope is small against them.
  const at::Tensor rows = 50 * learner->image_prompts(start(*learner)).learned;  // (J, n, W)
  const at::Tensor weight = at::randn({3, tiny().config().embed_dim});
  const at::Tensor direction = at::randn(rows.sizes());
  const auto value = [&](const at::Tensor& learned) {
    return (tiny().encode_image(images, {learned}).to(at::kDouble) * weight).sum().item<double>();
  };
  const double expected = slope(value, rows, direction);
  for (const int64_t chunk : {0, 1, 2}) {
    const at::Tensor leaf = rows.detach().clone().requires_grad_();
    (tiny().encode_image(images, {leaf}, chunk) * weight).sum().backward();
    const double found = (leaf.grad() * direction).sum().item<double>();
    EXPECT_NEAR(found, expected, 0.01 * std::abs(expected) + 1e-3) << "chunk " << chunk;
  }
}

TEST(DeepPrompts, OfDepthOneHaveTheirWholeGradientThroughManyBlocks) {
  const Clip clip = Clip::load(QPROMPT_SOURCE_DIR "/assets/demo/clip/model.safetensors", {});
  ASSERT_GT(clip.config().image_layers, 2);
  const auto learner = make_learner(clip, kNames, of_kind("vpt", 2, 1));
  const int64_t size = clip.config().image_size;
  const at::Tensor images = at::arange(2 * 3 * size * size).view({2, 3, size, size}).sin();
  const at::Tensor rows = 50 * learner->image_prompts(start(*learner)).learned;  // (1, n, W)
  const at::Tensor weight = at::arange(2 * clip.config().embed_dim).view({2, -1}).cos();
  const at::Tensor direction = at::arange(rows.numel()).view(rows.sizes()).sin();
  const auto value = [&](const at::Tensor& learned) {
    return (clip.encode_image(images, {learned}).to(at::kDouble) * weight).sum().item<double>();
  };
  const double expected = slope(value, rows, direction);
  const at::Tensor leaf = rows.detach().clone().requires_grad_();
  (clip.encode_image(images, {leaf}) * weight).sum().backward();
  const double found = (leaf.grad() * direction).sum().item<double>();
  EXPECT_NEAR(found, expected, 0.01 * std::abs(expected) + 1e-3);
}

TEST(DeepPrompts, DeeperProjectionsStartAsCopiesOfOne) {
  const auto learner = make_learner(tiny(), kNames, of_kind("maple", 2, 2));
  const auto specs = learner->parameters();
  const std::vector<std::string> names{"ctx",         "deep.1",        "proj.0.weight",
                                       "proj.0.bias", "proj.1.weight", "proj.1.bias"};
  ASSERT_EQ(specs.size(), names.size());
  for (size_t i = 0; i < names.size(); ++i) {
    EXPECT_EQ(specs[i].name, names[i]);
    EXPECT_EQ(specs[i].quantized, names[i].find("bias") == std::string::npos);
  }
  const Values values = start(*learner);
  EXPECT_FALSE(at::equal(values[2], values[4]));
  const double bound = 1 / std::sqrt(static_cast<double>(tiny().config().text_width));
  EXPECT_LE(values[4].abs().max().item<double>(), bound);
  EXPECT_GT(values[4].abs().max().item<double>(), 0.9 * bound);
}

TEST(DeepPrompts, AreRefusedWhereTheModelOrTheMethodHasNoPlaceForThem) {
  EXPECT_NE(error_of(of_kind("maple", 2, 9), ErrorKind::kUsage).find("2 blocks"),
            std::string::npos);
  EXPECT_NE(error_of(of_kind("maple", 5), ErrorKind::kUsage).find("4 tokens"), std::string::npos);
  PackedPrompts outside =
      make_learner(tiny(), kNames, of_kind("deep-text", 2, 2))
          ->prompts(start(*make_learner(tiny(), kNames, of_kind("deep-text", 2, 2))));
  outside.deep[0][0].row = outside.prefix;
  EXPECT_THROW(tiny().encode_text(outside), Error);
}

TEST(DeepPrompts, DefaultDepthIsNineOrAllBlocks) {
  const auto learner = make_learner(tiny(), kNames, of_kind("maple", 0, 0));
  EXPECT_EQ(learner->options().whole("depth"), std::min<int64_t>(9, tiny().config().text_layers));
  EXPECT_EQ(learner->options().whole("n-ctx"), 2);
}

TEST(CoCoOp, WithAMetaNetOfZeroIsCoOp) {
  const auto learner = make_learner(tiny(), kNames, of_kind("cocoop", 0));
  Values values = start(*learner);
  EXPECT_TRUE(learner->method().text_by_image);
  EXPECT_FALSE(learner->parameters()[2].quantized);
  const at::Tensor image = at::ones({tiny().config().embed_dim});
  const auto features = [&] { return tiny().encode_text(learner->prompts_for(values, image)); };
  const at::Tensor shifted = features();
  for (size_t i = 1; i < values.size(); ++i) values[i] = at::zeros_like(values[i]);
  const auto coop = make_learner(tiny(), kNames, MethodOptions("coop"));
  EXPECT_TRUE(at::equal(features(), tiny().encode_text(coop->prompts({values[0]}))));
  EXPECT_GT(distance(shifted, features()), 1e-4);
}

}  // namespace
}  // namespace qprompt
