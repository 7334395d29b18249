#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "qprompt/eval.h"
#include "qprompt/train.h"
#include "support/tiny_clip.h"

namespace qprompt {
namespace {

using testing_support::open_tiny_clip;
using testing_support::read_all;
using testing_support::TempFolder;
using testing_support::write_all;

class TrainTest : public ::testing::Test {
 protected:
  /// Twelve made-up images of three classes.
  TrainingData data() const {
    TrainingData data;
    Rng rng(7);
    data.features = at::empty({1, 12, clip_.config().embed_dim});
    float* values = data.features.data_ptr<float>();
    for (int64_t i = 0; i < data.features.numel(); ++i) values[i] = float(rng.normal());
    for (int64_t i = 0; i < 12; ++i) data.labels.push_back(i % 3);
    return data;
  }
  TrainResult train(TrainOptions options, const Resume& resume = {}) {
    options.resume = resume;
    return train_prompt(clip_, *learner_, data(), options);
  }
  static TrainOptions quick(int64_t epochs) {
    TrainOptions options;
    options.epochs = epochs;
    options.batch = 4;
    options.checkpoint_seconds = 0;
    return options;
  }

  Clip clip_ = open_tiny_clip();
  std::unique_ptr<Learner> learner_ = make_learner(clip_, {"ant", "bee", "cow"}, MethodOptions());
};

TEST_F(TrainTest, TheLossFalls) {
  TrainOptions options = quick(30);
  options.quantization = Quantization::kNone;
  const TrainResult result = train(options);
  EXPECT_LT(result.epochs.back().loss, result.epochs.front().loss);
  EXPECT_EQ(result.steps, 90);
}

TEST_F(TrainTest, AQuantizedRunStoresCodesAndItsReclusterings) {
  TrainOptions options = quick(5);
  options.quantizer.bits = 2;
  const TrainResult result = train(options);
  ASSERT_EQ(result.tensors.size(), 1u);
  EXPECT_EQ(result.tensors[0].bits, 2);
  EXPECT_EQ(result.tensors[0].quantized.codebook.size(), 4u);
  ASSERT_EQ(result.reclusterings.size(), 1u);
  EXPECT_TRUE(result.reclusterings[0].events.front().refitted);
}

TEST_F(TrainTest, PostTrainingEqualsTheFloatRunQuantizedOnce) {
  TrainOptions plain = quick(3), post = quick(3);
  plain.quantization = Quantization::kNone;
  plain.plain_bits = 32;
  post.quantization = Quantization::kPostTraining;
  const TrainResult a = train(plain), b = train(post);
  const QuantizedValues once = quantize_once(a.tensors[0].plain, post.quantizer);
  EXPECT_EQ(once.codes, b.tensors[0].quantized.codes);
  EXPECT_EQ(once.codebook, b.tensors[0].quantized.codebook);
}

TEST_F(TrainTest, ARunThatStoppedGoesOnToTheSameValues) {
  TempFolder folder;
  const Resume resume{folder / "checkpoint.safetensors", "key"};
  const TrainResult whole = train(quick(8));
  // The program's own test kills a run between epochs; here the last checkpoint is read back.
  TrainOptions options = quick(8);
  const TrainResult first = train(options, resume);
  EXPECT_EQ(first.tensors[0].quantized.codes, whole.tensors[0].quantized.codes);
  const TrainResult again = train(options, resume);
  EXPECT_EQ(again.resumed_steps, 24);
  EXPECT_EQ(again.tensors[0].quantized.codes, whole.tensors[0].quantized.codes);
  EXPECT_EQ(again.tensors[0].quantized.codebook, whole.tensors[0].quantized.codebook);
  EXPECT_EQ(again.epochs.size(), 8u);
}

TEST_F(TrainTest, ADamagedCheckpointAndOneOfAnotherRunAreRefused) {
  TempFolder folder;
  const std::string path = folder / "checkpoint.safetensors";
  train(quick(2), {path, "key"});
  EXPECT_THROW(train(quick(2), {path, "another key"}), Error);
  std::string bytes = read_all(path);
  bytes[bytes.size() - 20] ^= 1;
  write_all(path, bytes);
  EXPECT_THROW(train(quick(2), {path, "key"}), Error);
  write_all(path, bytes.substr(0, 40));
  EXPECT_THROW(train(quick(2), {path, "key"}), Error);
}

TEST_F(TrainTest, ClassesInChunksLearnTheSamePromptAndSaySo) {
  TrainOptions options = quick(3);
  options.quantization = Quantization::kNone;
  options.plain_bits = 32;
  const TrainResult whole = train(options);
  EXPECT_EQ(whole.class_chunk, 3);
  options.class_chunk = 1;
  const TrainResult chunked = train(options);
  EXPECT_EQ(chunked.class_chunk, 1);
  const auto& a = whole.tensors[0].plain;
  const auto& b = chunked.tensors[0].plain;
  ASSERT_EQ(a.size(), b.size());
  for (size_t i = 0; i < a.size(); ++i) ASSERT_NEAR(a[i], b[i], 1e-5) << i;
}

TEST_F(TrainTest, ALossThatLeavesTheNumbersIsAnError) {
  TrainOptions options = quick(20);
  options.quantization = Quantization::kNone;
  options.warmup_epochs = 0;
  options.learning_rate = 1e30;
  EXPECT_THROW(train(options), Error);
}

TEST_F(TrainTest, FeaturesThatAreNotFiniteAreRefused) {
  TrainingData bad = data();
  bad.features[0][3][0] = std::nan("");
  EXPECT_THROW(train_prompt(clip_, *learner_, bad, quick(1)), Error);
}

TEST_F(TrainTest, WhatIsScoredIsWhatIsOnDisk) {
  TempFolder folder;
  const TrainResult run = train(quick(4));
  TrainedPrompt prompt;
  prompt.n_ctx = learner_->options().whole("n-ctx");
  prompt.width = clip_.config().text_width;
  prompt.bits = 1;
  prompt.fingerprint = clip_.fingerprint();
  prompt.tensors = run.tensors;
  write_prompt(folder / "p.qprompt", prompt);
  const TrainedPrompt read = read_prompt(folder / "p.qprompt");
  EXPECT_EQ(encode_prompt(read), encode_prompt(prompt));
  const std::vector<std::string> names{"dog", "emu"};
  const at::Tensor scored = class_matrix(clip_, read, names);  // (C, E)
  // By hand: the fp16 centres, picked by the codes, in the place of the context.
  const QuantizedValues& q = read.tensors[0].quantized;
  std::vector<float> values;
  for (uint8_t code : q.codes) values.push_back(from_half(q.codebook[code]));
  const auto learner = make_learner(clip_, names, MethodOptions());
  const at::Tensor by_hand = clip_.encode_text(
      learner->prompts({at::tensor(values).view(learner->parameters()[0].shape)}));
  EXPECT_TRUE(at::equal(scored, by_hand));
}

TEST_F(TrainTest, AClassSpecificPromptRefusesOtherClasses) {
  MethodOptions options("coop");
  options.set("n-ctx", 2);
  options.set("init", "");
  options.set("class-specific", "true");
  const auto learner = make_learner(clip_, {"ant", "bee", "cow"}, options);
  const TrainResult run = train_prompt(clip_, *learner, data(), quick(2));
  TrainedPrompt prompt;
  prompt.n_ctx = 2;
  prompt.width = clip_.config().text_width;
  prompt.settings = {{"class-specific", "true"}};
  prompt.class_names = {"ant", "bee", "cow"};
  prompt.fingerprint = clip_.fingerprint();
  prompt.tensors = run.tensors;
  EXPECT_EQ(class_matrix(clip_, prompt, prompt.class_names).size(0), 3);
  try {
    class_matrix(clip_, prompt, {"dog", "emu", "fox"});
    ADD_FAILURE();
  } catch (const Error& e) {
    EXPECT_NE(std::string(e.what()).find("class-specific"), std::string::npos);
  }
}

}  // namespace
}  // namespace qprompt
