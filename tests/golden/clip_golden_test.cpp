// Features, logits, pixels and tokens against the reference implementation's.
#include "golden/oracle.h"

#include "learner/learner.h"
#include "learner/texts.h"
#include "qprompt/image.h"

namespace qprompt {
namespace {

using golden::file;
using golden::relative_error;

constexpr double kFeatureTolerance = 1e-4;

/// (B, 3, R, R): the oracle's images through decoding and the test transform.
at::Tensor own_pixels(const nlohmann::json& oracle, const ClipConfig& config) {
  std::vector<at::Tensor> pixels;  // (3, R, R)
  for (const std::string name : oracle.at("images")) {
    const Image image = read_image(file("images/" + name), DecodeOptions{});
    pixels.push_back(
        to_pixels(test_view(image, config.image_size, config.transform), config.normalization));
  }
  return at::stack(pixels);
}

/// (B, 3, R, R) of 0 … 255.
at::Tensor denormalise(const at::Tensor& pixels, const Normalization& n) {
  const auto column = [](const std::array<double, 3>& values) {
    return at::tensor({values[0], values[1], values[2]}, at::kDouble).view({1, 3, 1, 1});
  };
  return (pixels.to(at::kDouble) * column(n.std) + column(n.mean)) * 255;
}

TEST(GoldenClip, EveryLayoutGivesTheReferencesFeaturesAndLogits) {
  QPROMPT_NEEDS("oracle.safetensors");
  QPROMPT_NEEDS_VOCABULARY();
  const testing_support::TempFolder scratch;
  const auto layouts = golden::quick_gelu_layouts(scratch);
  ASSERT_FALSE(layouts.empty());
  const WeightStore oracle = read_weights(file("oracle.safetensors"));
  const auto texts = golden::zero_shot_texts(golden::read_json(file("oracle.json")));
  for (const auto& [name, path] : layouts) {
    SCOPED_TRACE(name);
    const Clip clip = golden::load(path);
    const at::Tensor image = clip.encode_image(oracle.at("preprocessed"));  // (B, E)
    const at::Tensor text = clip.encode_text(pack_texts(clip, texts));      // (C, E)
    const at::Tensor logits = golden::logits_of(clip, image, text);         // (B, C)
    const double image_error = relative_error(image, oracle.at("image_features"));
    const double text_error = relative_error(text, oracle.at("text_features"));
    const double logit_error = relative_error(logits, oracle.at("zero_shot_logits"));
    EXPECT_LT(image_error, kFeatureTolerance);
    EXPECT_LT(text_error, kFeatureTolerance);
    EXPECT_LT(logit_error, kFeatureTolerance);
    std::printf("  %-20s image %.1e  text %.1e  logits %.1e\n", name.c_str(), image_error,
                text_error, logit_error);
  }
}

TEST(GoldenClip, FromFilesToLogitsWithinTolerance) {
  QPROMPT_NEEDS("oracle.safetensors");
  QPROMPT_NEEDS_VOCABULARY();
  const WeightStore oracle = read_weights(file("oracle.safetensors"));
  const nlohmann::json json = golden::read_json(file("oracle.json"));
  const Clip clip = golden::load(golden::any_layout());
  const at::Tensor image = clip.encode_image(own_pixels(json, clip.config()));
  const at::Tensor text = clip.encode_text(pack_texts(clip, golden::zero_shot_texts(json)));
  // Pixels may differ by 1/255 from Pillow's in a few places, so features have more room here.
  EXPECT_LT(relative_error(golden::logits_of(clip, image, text), oracle.at("zero_shot_logits")),
            1e-2);
}

TEST(GoldenClip, EveryLayoutOfOneModelHasTheSameFingerprint) {
  QPROMPT_NEEDS_VOCABULARY();
  const testing_support::TempFolder scratch;
  const auto layouts = golden::quick_gelu_layouts(scratch);
  if (layouts.size() < 2) GTEST_SKIP() << golden::folder() << " has fewer than two layouts";
  const std::string first = to_hex(golden::load(layouts[0].path).fingerprint());
  for (const auto& [name, path] : layouts) {
    EXPECT_EQ(to_hex(golden::load(path).fingerprint()), first) << name;
  }
}

TEST(GoldenClip, OpenClipWithExactGeluGivesTheReferencesFeaturesAndAnotherFingerprint) {
  QPROMPT_NEEDS("oracle_open_clip.safetensors");
  QPROMPT_NEEDS("open_clip/open_clip_config.json");
  QPROMPT_NEEDS_VOCABULARY();
  const testing_support::TempFolder scratch;
  const WeightStore oracle = read_weights(file("oracle_open_clip.safetensors"));
  const at::Tensor pixels = read_weights(file("oracle.safetensors")).at("preprocessed");
  const auto texts = golden::zero_shot_texts(golden::read_json(file("oracle.json")));
  const Clip clip = golden::load(golden::open_clip_layout(scratch));
  ASSERT_EQ(clip.config().activation, Activation::kGelu);
  EXPECT_LT(relative_error(clip.encode_image(pixels), oracle.at("image_features")),
            kFeatureTolerance);
  EXPECT_LT(relative_error(clip.encode_text(pack_texts(clip, texts)), oracle.at("text_features")),
            kFeatureTolerance);
  EXPECT_NE(to_hex(clip.fingerprint()), to_hex(golden::load(golden::any_layout()).fingerprint()));
}

TEST(GoldenClip, PixelsEqualPillowsInAtLeastNinetyNineOfAHundredPlaces) {
  QPROMPT_NEEDS("oracle.safetensors");
  QPROMPT_NEEDS_VOCABULARY();
  const at::Tensor expected = read_weights(file("oracle.safetensors")).at("preprocessed");
  const Clip clip = golden::load(golden::any_layout());
  const at::Tensor own = own_pixels(golden::read_json(file("oracle.json")), clip.config());
  ASSERT_EQ(own.sizes(), expected.sizes());
  const auto& n = clip.config().normalization;
  const at::Tensor distance = (denormalise(own, n) - denormalise(expected, n)).abs();
  for (int64_t b = 0; b < distance.size(0); ++b) {
    EXPECT_LT(distance[b].max().item<double>(), 1.01) << "image " << b;
    EXPECT_GE((distance[b] < 0.01).to(at::kDouble).mean().item<double>(), 0.99) << "image " << b;
  }
}

TEST(GoldenClip, TokensEqualTheReferences) {
  QPROMPT_NEEDS("oracle.safetensors");
  QPROMPT_NEEDS_VOCABULARY();
  const Clip clip = golden::load(golden::any_layout());
  const at::Tensor tokens = read_weights(file("oracle.safetensors")).at("tokens").to(at::kLong);
  const auto texts = golden::zero_shot_texts(golden::read_json(file("oracle.json")));
  for (size_t c = 0; c < texts.size(); ++c) {
    std::vector<int64_t> ids = clip.tokenizer().encode_framed(texts[c], tokens.size(1));
    ids.resize(tokens.size(1), 0);
    EXPECT_TRUE(at::equal(at::tensor(ids, at::kLong), tokens[static_cast<int64_t>(c)])) << texts[c];
  }
  if (!golden::fs::exists(golden::tokens_file())) return;
  for (const auto& entry : golden::read_json(golden::tokens_file())) {
    const std::string text = entry.at("text");
    // The reference cut texts that are too long and set the end token last; here they are errors.
    const auto expected = entry.at("ids").get<std::vector<int64_t>>();
    std::vector<int64_t> ids = clip.tokenizer().encode_framed(text, 1 << 20);
    if (static_cast<int64_t>(ids.size()) > tokens.size(1)) {
      EXPECT_THROW(clip.tokenizer().encode_framed(text, tokens.size(1)), Error);
      ids.resize(tokens.size(1));
      ids.back() = clip.tokenizer().end_token();
    }
    EXPECT_EQ(ids, expected) << text;
  }
}

}  // namespace
}  // namespace qprompt
