// Noise while training, and being watched: neither leaves a trace where it must not.
#include "train/impl/noise.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <cmath>

#include "qprompt/train.h"
#include "support/tiny_clip.h"

namespace qprompt {
namespace {

using namespace train;

using testing_support::open_tiny_clip;
using testing_support::TempFolder;

TEST(StepNoiseTest, ItsMeanIsZeroAndItsDeviationIsTheOneAskedFor) {
  const at::Tensor noise = step_noise({1, 0, 0}, {40, 500}, 0.01).to(at::kDouble);
  // Of 20,000 draws: the mean's own deviation is s/141, that of the deviation s/200.
  EXPECT_NEAR(noise.mean().item<double>(), 0, 0.01 * 5 / 141);
  EXPECT_NEAR(noise.std(false).item<double>(), 0.01, 0.01 * 5 / 200);
  // Normal, not merely of this deviation: 31.7 % lie beyond one, 0.27 % beyond three.
  const double beyond1 = (noise.abs() > 0.01).to(at::kDouble).mean().item<double>();
  const double beyond3 = (noise.abs() > 0.03).to(at::kDouble).mean().item<double>();
  EXPECT_NEAR(beyond1, 0.3173, 0.02);
  EXPECT_NEAR(beyond3, 0.0027, 0.002);
}

TEST(StepNoiseTest, OneKeyGivesOneDrawAndEveryOtherKeyAnother) {
  const at::Tensor one = step_noise({3, 5, 1}, {4, 8}, 0.1);
  EXPECT_TRUE(at::equal(one, step_noise({3, 5, 1}, {4, 8}, 0.1)));
  for (const NoiseKey& other : {NoiseKey{4, 5, 1}, NoiseKey{3, 6, 1}, NoiseKey{3, 5, 0}}) {
    const at::Tensor draw = step_noise(other, {4, 8}, 0.1);
    EXPECT_FALSE(at::equal(one, draw));
    EXPECT_LT(at::abs(at::mean(draw * one)).item<double>(), 0.01) << "draws hang together";
  }
  EXPECT_TRUE(at::allclose(step_noise({3, 5, 1}, {4, 8}, 0.2), 2 * one));
}

class NoisyTrainTest : public ::testing::Test {
 protected:
  TrainResult train(TrainOptions options, const std::string& checkpoint = "") {
    TrainingData data;
    Rng rng(7);
    data.features = at::empty({1, 12, clip_.config().embed_dim});
    float* values = data.features.data_ptr<float>();
    for (int64_t i = 0; i < data.features.numel(); ++i) values[i] = float(rng.normal());
    for (int64_t i = 0; i < 12; ++i) data.labels.push_back(i % 3);
    options.batch = 4;
    options.checkpoint_seconds = 0;
    options.resume = {checkpoint, "key"};
    return train_prompt(clip_, *learner_, data, options);
  }
  static TrainOptions plain(double noise, int64_t epochs = 4) {
    TrainOptions options;
    options.epochs = epochs;
    options.noise = noise;
    options.quantization = Quantization::kNone;
    options.plain_bits = 32;
    return options;
  }
  static TrainOptions quantized(double noise) {
    TrainOptions options = plain(noise);
    options.quantization = Quantization::kAware;
    options.quantizer.bits = 2;
    return options;
  }
  static void expect_same(const TrainResult& a, const TrainResult& b) {
    ASSERT_EQ(a.tensors.size(), b.tensors.size());
    for (size_t i = 0; i < a.tensors.size(); ++i) {
      EXPECT_EQ(a.tensors[i].plain, b.tensors[i].plain);
      EXPECT_EQ(a.tensors[i].quantized.codes, b.tensors[i].quantized.codes);
      EXPECT_EQ(a.tensors[i].quantized.codebook, b.tensors[i].quantized.codebook);
      if (a.reclusterings.empty()) continue;
      EXPECT_EQ(a.reclusterings[i].events.size(), b.reclusterings[i].events.size());
    }
  }

  Clip clip_ = open_tiny_clip();
  std::unique_ptr<Learner> learner_ = make_learner(clip_, {"ant", "bee", "cow"}, MethodOptions());
};

/// Keeps what it is told of the epochs, and ends the run after one, as a kill between two does.
struct Killed {};
class EpochKeeper : public Observer {
 public:
  explicit EpochKeeper(int64_t last = -1) : last_(last) {}
  void epoch(const EpochReport& report) override {
    if (report.epoch == last_) throw Killed{};
    epochs.push_back(report.epoch);
    if (report.prompt) prompts.push_back(report.prompt());
    if (report.exact_prompt) exact.push_back(report.exact_prompt());
  }
  std::vector<int64_t> epochs;
  std::vector<std::string> prompts, exact;

 private:
  int64_t last_;
};

TEST_F(NoisyTrainTest, NoNoiseIsTheRunWithoutTheOption) {
  TrainOptions without = plain(0);
  const TrainResult a = train(without);
  without.noise = 1e-30;  // drawn and added, but below what a float can tell
  expect_same(a, train(without));
}

TEST_F(NoisyTrainTest, NoiseChangesTheRunAndRepeatsItself) {
  for (const auto& make : {+[](double s) { return plain(s); }, &NoisyTrainTest::quantized}) {
    const TrainResult clean = train(make(0)), a = train(make(0.05)), b = train(make(0.05));
    expect_same(a, b);
    EXPECT_NE(a.epochs.back().loss, clean.epochs.back().loss);
  }
}

TEST_F(NoisyTrainTest, AnInterruptedNoisyRunGoesOnToTheSameValues) {
  for (TrainOptions options : {plain(0.05), quantized(0.05)}) {
    TempFolder folder;
    const TrainResult whole = train(options);
    EpochKeeper killer(3);
    options.observer = &killer;
    EXPECT_THROW(train(options, folder / "checkpoint"), Killed);
    options.observer = nullptr;
    const TrainResult resumed = train(options, folder / "checkpoint");
    EXPECT_EQ(resumed.resumed_steps, 8) << "of 3 an epoch: the last one was not kept";
    expect_same(resumed, whole);
  }
}

TEST_F(NoisyTrainTest, WhatIsStoredIsClean) {
  TrainOptions options = plain(0.5, 1);
  options.learning_rate = options.warmup_rate = 0;  // nothing is learned, so nothing may change
  const TrainResult noisy = train(options);
  options.noise = 0;
  expect_same(noisy, train(options));
}

TEST_F(NoisyTrainTest, ADeviationThatIsNoneIsRefused) {
  for (const double bad : {-1.0, std::nan(""), HUGE_VAL}) EXPECT_THROW(train(plain(bad)), Error);
}

TEST_F(NoisyTrainTest, TheObserverSeesEveryEpochAndChangesNothing) {
  for (TrainOptions options : {plain(0), quantized(0), quantized(0.05)}) {
    const TrainResult alone = train(options);
    EpochKeeper keeper;
    options.observer = &keeper;
    expect_same(train(options), alone);
    EXPECT_EQ(keeper.epochs, (std::vector<int64_t>{0, 1, 2, 3, 4}));
  }
}

TEST_F(NoisyTrainTest, AWholeRunShowsThePromptThatItWouldWrite) {
  using testing_support::demo_data;
  Log log;
  Split split = load_split({demo_data(), ""}, log);
  split.train = draw_few_shot(split, 1, 1, log).train;
  FitOptions options;
  options.train = quantized(0.01);
  options.train.epochs = 1;
  options.features.cache = "none";
  const std::string alone = encode_prompt(fit_prompt(clip_, split, options).prompt);
  EpochKeeper keeper;
  options.train.observer = &keeper;
  EXPECT_EQ(encode_prompt(fit_prompt(clip_, split, options).prompt), alone);
  ASSERT_EQ(keeper.prompts.size(), 2u);
  EXPECT_NE(keeper.prompts[0], alone);
  EXPECT_EQ(keeper.prompts[1], alone);
  const TrainedPrompt exact = decode_prompt(keeper.exact[1], "exact");
  EXPECT_EQ(exact.tensors[0].bits, 32);
  const QuantizedValues once = quantize_once(exact.tensors[0].plain, options.train.quantizer);
  EXPECT_EQ(once.codes.size(), decode_prompt(alone, "").tensors[0].quantized.codes.size());
}

}  // namespace
}  // namespace qprompt
