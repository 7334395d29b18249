// What `Clip` gives and refuses once it is loaded.
#include <c10/core/InferenceMode.h>

#include <thread>

#include "qprompt/weights.h"
#include "support/small_clip.h"

namespace qprompt {
namespace {

using testing_support::error_of;
using testing_support::expect_contains;
using testing_support::oracle_file;
using testing_support::with_test_vocabulary;

Clip tiny(ClipOptions options = with_test_vocabulary()) {
  return Clip::load(oracle_file("openai_torchscript.pt"), options);
}

PackedPrompts prompts_of(const Clip& clip, const std::vector<std::string>& texts) {
  std::vector<std::vector<PackedRow>> rows;
  for (const std::string& text : texts) {
    rows.emplace_back();
    for (int64_t id : clip.tokenizer().encode_framed(text, clip.config().context_length)) {
      rows.back().push_back({.token = id});
    }
  }
  return pack_prompts(rows);
}

double distance(const at::Tensor& a, const at::Tensor& b) {
  return ((a - b).norm() / b.norm()).item<double>();
}

TEST(EncodeImage, SubBatchesGiveWhatSingleImagesGive) {
  const Clip clip = tiny();
  const int64_t side = clip.config().image_size;
  const at::Tensor pixels = at::randn({300, 3, side, side});  // more than one sub-batch
  const at::Tensor features = clip.encode_image(pixels);
  ASSERT_EQ(features.sizes(), (std::vector<int64_t>{300, clip.config().embed_dim}));
  for (int64_t b : {0, 204, 299}) {
    EXPECT_LT(distance(features.narrow(0, b, 1), clip.encode_image(pixels.narrow(0, b, 1))), 1e-5);
  }
  EXPECT_EQ(clip.encode_image(pixels.narrow(0, 0, 0)).size(0), 0);
}

TEST(EncodeImage, ResNetSubBatchesGiveWhatSingleImagesGive) {
  const testing_support::TempFolder folder;
  write_safetensors(
      folder / "rn.safetensors",
      testing_support::random_weights(testing_support::resnet_architecture(), at::kFloat), {});
  const Clip clip = Clip::load(folder / "rn.safetensors", with_test_vocabulary());
  EXPECT_EQ(clip.config().image_kind, ImageTowerKind::kResNet);
  EXPECT_EQ(clip.config().image_size, 64);
  EXPECT_EQ(clip.config().resnet_layers, (std::array<int64_t, 4>{1, 2, 1, 1}));
  const at::Tensor pixels = at::randn({3, 3, 64, 64});
  const at::Tensor features = clip.encode_image(pixels);
  EXPECT_LT(distance(features.narrow(0, 2, 1), clip.encode_image(pixels.narrow(0, 2, 1))), 1e-5);
}

TEST(EncodeImage, FeaturesAreConstantsThatAutogradMayUse) {
  const Clip clip = tiny();
  const at::Tensor pixels = at::randn({1, 3, 48, 48});
  at::Tensor features;
  {
    const c10::InferenceMode inference;
    features = clip.encode_image(pixels);
  }
  EXPECT_FALSE(features.is_inference());
  EXPECT_FALSE(features.requires_grad());
  const at::Tensor x = at::randn({1, 32}).requires_grad_();
  (features * x).sum().backward();
  EXPECT_TRUE(at::equal(x.grad(), features));
}

TEST(EncodeImage, PixelsOfAnotherShapeOrTypeAreRefused) {
  const Clip clip = tiny();
  for (const at::Tensor& pixels :
       {at::zeros({3, 48, 48}), at::zeros({1, 3, 48, 47}), at::zeros({1, 1, 48, 48})}) {
    expect_contains(error_of([&] { clip.encode_image(pixels); }, ErrorKind::kContent), "pixels");
  }
  error_of([&] { clip.encode_image(at::zeros({1, 3, 48, 48}, at::kByte)); }, ErrorKind::kContent);
}

TEST(EncodeText, AnyOrderAndCompanyOfTextsGivesTheSameFeatures) {
  const Clip clip = tiny();
  const at::Tensor both = clip.encode_text(prompts_of(clip, {"a photo of a cat.", "red apple"}));
  EXPECT_LT(distance(both.narrow(0, 1, 1), clip.encode_text(prompts_of(clip, {"red apple"}))),
            1e-5);
  const at::Tensor swapped = clip.encode_text(prompts_of(clip, {"red apple", "a photo of a cat."}));
  EXPECT_LT(distance(both.flip(0), swapped), 1e-5);
}

TEST(EncodeText, RowsOutOfRangeAreRefused) {
  const Clip clip = tiny();
  PackedPrompts prompts = prompts_of(clip, {"cat"});
  prompts.rows[1].token = clip.config().vocab_size;
  expect_contains(error_of([&] { clip.encode_text(prompts); }, ErrorKind::kUsage), "vocabulary");
}

TEST(EncodeText, WorksInInferenceMode) {
  const Clip clip = tiny();
  const PackedPrompts prompts = prompts_of(clip, {"cat", "dog"});
  const at::Tensor outside = clip.encode_text(prompts);
  const c10::InferenceMode inference;
  EXPECT_TRUE(at::equal(clip.encode_text(prompts), outside));
}

TEST(TokenEmbeddings, AreTheTablesRows) {
  const Clip clip = tiny();
  const at::Tensor rows = clip.token_embeddings({3, 0, 3});
  EXPECT_TRUE(at::equal(rows[0], clip.token_table()[3]));
  EXPECT_TRUE(at::equal(rows[2], rows[0]));
  error_of([&] { clip.token_embeddings({clip.config().vocab_size}); }, ErrorKind::kUsage);
  error_of([&] { clip.token_embeddings({-1}); }, ErrorKind::kUsage);
}

TEST(Fingerprint, IsTheSameFromSeveralThreads) {
  const Clip clip = tiny();
  std::vector<std::thread> threads;
  std::vector<Digest::Bytes> seen(4);
  for (auto& bytes : seen) threads.emplace_back([&] { bytes = clip.fingerprint(); });
  for (std::thread& thread : threads) thread.join();
  for (const auto& bytes : seen) EXPECT_EQ(bytes, clip.fingerprint());
}

TEST(Bfloat16, IsCloseToFloat32AndHasItsFingerprint) {
  const Clip full = tiny();
  ClipOptions options = with_test_vocabulary();
  options.dtype = "bfloat16";
  const Clip half = tiny(options);
  EXPECT_EQ(half.fingerprint(), full.fingerprint());
  const at::Tensor pixels = at::randn({2, 3, 48, 48});
  EXPECT_LT(distance(half.encode_image(pixels), full.encode_image(pixels)), 3e-2);
  const PackedPrompts prompts = prompts_of(full, {"cat", "red apple"});
  const at::Tensor features = half.encode_text(prompts);
  EXPECT_EQ(features.scalar_type(), at::kFloat);
  EXPECT_LT(distance(features, full.encode_text(prompts)), 3e-2);
}

}  // namespace
}  // namespace qprompt
