// SLIP's layout: a file with its names gives what its model's equations give, written out in ATen.
#include "qprompt/weights.h"
#include "support/small_clip.h"

namespace qprompt {
namespace {

using testing_support::error_of;
using testing_support::expect_contains;
using testing_support::with_test_vocabulary;

constexpr int64_t kWidth = 64, kPatch = 5, kGrid = 3, kLayers = 2, kEmbed = 10;

/// The image tower of facebookresearch/SLIP (timm's VisionTransformer) with its own names.
checkpoint::Tensors slip_image_weights() {
  at::manual_seed(3);
  checkpoint::Tensors w;
  const auto add = [&w](const std::string& name, at::IntArrayRef sizes, double scale) {
    w[name] = at::randn(sizes) * scale;
  };
  // Small rows, so that a wrong epsilon shows.
  add("visual.cls_token", {1, 1, kWidth}, 2e-3);
  add("visual.pos_embed", {1, kGrid * kGrid + 1, kWidth}, 2e-3);
  add("visual.patch_embed.proj.weight", {kWidth, 3, kPatch, kPatch}, 3e-4);
  add("visual.patch_embed.proj.bias", {kWidth}, 2e-3);
  for (int64_t i = 0; i < kLayers; ++i) {
    const std::string block = cat("visual.blocks.", i, ".");
    for (const char* norm : {"norm1", "norm2"}) {
      add(block + norm + ".weight", {kWidth}, 0.3);
      add(block + norm + ".bias", {kWidth}, 0.3);
    }
    add(block + "attn.qkv.weight", {3 * kWidth, kWidth}, 0.2);
    add(block + "attn.qkv.bias", {3 * kWidth}, 0.2);
    add(block + "attn.proj.weight", {kWidth, kWidth}, 1e-3);
    add(block + "attn.proj.bias", {kWidth}, 1e-3);
    add(block + "mlp.fc1.weight", {96, kWidth}, 0.3);
    add(block + "mlp.fc1.bias", {96}, 0.3);
    add(block + "mlp.fc2.weight", {kWidth, 96}, 1e-3);
    add(block + "mlp.fc2.bias", {kWidth}, 1e-3);
  }
  add("visual.norm.weight", {kWidth}, 0.5);
  add("visual.norm.bias", {kWidth}, 0.5);
  add("image_projection", {kWidth, kEmbed}, 0.2);
  return w;
}

/// Pixels (B, 3, R, R) → (B, E).
at::Tensor slip_image(const checkpoint::Tensors& w, const at::Tensor& pixels) {
  const auto norm = [&w](const at::Tensor& x, const std::string& name) {
    const at::Tensor centred = x - x.mean(-1, true);
    return centred / (centred.pow(2).mean(-1, true) + 1e-6).sqrt() * w.at(name + ".weight") +
           w.at(name + ".bias");
  };
  const auto linear = [&w](const at::Tensor& x, const std::string& name) {
    return at::matmul(x, w.at(name + ".weight").t()) + w.at(name + ".bias");
  };
  const at::Tensor patches = at::conv2d(pixels, w.at("visual.patch_embed.proj.weight"),
                                        w.at("visual.patch_embed.proj.bias"), kPatch)
                                 .flatten(2)
                                 .transpose(1, 2);  // (B, g·g, D)
  at::Tensor x =
      at::cat({w.at("visual.cls_token").expand({pixels.size(0), 1, kWidth}), patches}, 1);
  x = x + w.at("visual.pos_embed");
  for (int64_t i = 0; i < kLayers; ++i) {
    const std::string block = cat("visual.blocks.", i, ".");
    const auto qkv = linear(norm(x, block + "norm1"), block + "attn.qkv").chunk(3, -1);
    const at::Tensor p = at::softmax(at::matmul(qkv[0], qkv[1].transpose(1, 2)) / 8.0, -1);
    x = x + linear(at::matmul(p, qkv[2]), block + "attn.proj");
    const at::Tensor h = linear(norm(x, block + "norm2"), block + "mlp.fc1");
    x = x + linear(h * 0.5 * (1 + at::erf(h / std::sqrt(2.0))), block + "mlp.fc2");
  }
  return at::matmul(norm(x, "visual.norm").select(1, 0), w.at("image_projection"));
}

class SlipLayout : public ::testing::Test {
 protected:
  void SetUp() override {
    for (const auto& [name, tensor] : openai_) {
      if (name.rfind("visual.", 0) != 0) slip_[name] = tensor;
    }
  }
  /// As its training script saves it: everything of the model below `prefix`.
  std::string save(const std::string& prefix) {
    checkpoint::Tensors all;
    for (const auto& [name, tensor] : slip_) all[prefix + name] = tensor;
    write_safetensors(folder_ / "slip.safetensors", all, {});
    return folder_ / "slip.safetensors";
  }

  testing_support::TempFolder folder_;
  const checkpoint::Tensors openai_ =
      testing_support::random_weights(testing_support::bare_architecture(), at::kFloat);
  checkpoint::Tensors slip_ = slip_image_weights();
};

TEST_F(SlipLayout, EqualsItsEquations) {
  slip_["image_mlp.layer1.weight"] = at::ones({4, kWidth});  // of the self-supervised loss
  slip_["image_mlp.bn1.running_mean"] = at::ones({4});
  const Clip clip = Clip::load(save("state_dict.module."), with_test_vocabulary());
  EXPECT_TRUE(clip.config().timm_vit);
  EXPECT_EQ(clip.config().image_size, kGrid * kPatch);
  EXPECT_EQ(clip.config().image_layers, kLayers);
  EXPECT_EQ(clip.config().embed_dim, kEmbed);
  EXPECT_EQ(clip.config().activation, Activation::kQuickGelu);
  EXPECT_DOUBLE_EQ(clip.config().normalization.mean[0], 0.485);
  const at::Tensor pixels = at::randn({3, 3, kGrid * kPatch, kGrid * kPatch});
  const at::Tensor wanted = slip_image(slip_, pixels), got = clip.encode_image(pixels);  // (3, E)
  EXPECT_LT((got - wanted).abs().max().item<double>(),
            1e-4 * wanted.abs().max().item<double>() + 1e-6);
}

TEST_F(SlipLayout, HasOpenAisTextTower) {
  write_safetensors(folder_ / "openai.safetensors", openai_, {});
  const Clip openai = Clip::load(folder_ / "openai.safetensors", with_test_vocabulary());
  const Clip slip = Clip::load(save("module."), with_test_vocabulary());
  PackedPrompts prompts;
  for (const int64_t token : {3, 1, 4, 1, 5}) {
    prompts.rows.push_back({token, -1, static_cast<int64_t>(prompts.rows.size())});
  }
  prompts.classes = {{0, 5}};
  prompts.read = {4};
  EXPECT_TRUE(at::equal(openai.encode_text(prompts), slip.encode_text(prompts)));
  EXPECT_FALSE(openai.config().timm_vit);
  EXPECT_NE(openai.fingerprint(), slip.fingerprint());
}

TEST_F(SlipLayout, MissingAndUnknownTensorsAreNamed) {
  slip_.erase("visual.patch_embed.proj.bias");
  slip_["visual.blocks.0.attn.q_norm.weight"] = at::ones({kWidth});
  const std::string file = save("");
  const std::string message =
      error_of([&] { Clip::load(file, with_test_vocabulary()); }, ErrorKind::kContent);
  expect_contains(message, "visual.conv1.bias");
  expect_contains(message, "q_norm");
}

}  // namespace
}  // namespace qprompt
