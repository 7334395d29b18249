// Stopped or killed at any step, a training goes on to the same bytes.
#include <gtest/gtest.h>

#include "base/aten.h"
#include "qprompt/train.h"
#include "qprompt/weights.h"
#include "support/tiny_clip.h"

namespace qprompt {
namespace {

using testing_support::open_tiny_clip;
using testing_support::TempFolder;

struct KilledAtStep {};

/// Says stop after a step, or kills the run there, as SIGKILL does: nothing more is written.
class EndsAfter : public Observer {
 public:
  EndsAfter(int64_t step, Stop why) : step_(step), why_(why) {}
  Stop step(std::string_view what, int64_t done, int64_t) override {
    EXPECT_EQ(what, "training");
    seen.push_back(done);
    if (done != step_) return Stop::kNo;
    if (why_ == Stop::kNo) throw KilledAtStep{};
    return why_;
  }
  void epoch(const EpochReport& report) override { epochs.push_back(report.epoch); }
  void finding(const Finding& finding) override { findings.push_back(finding); }

  std::vector<int64_t> seen, epochs;
  Findings findings;

 private:
  int64_t step_;
  Stop why_;
};

class ResumeTest : public ::testing::Test {
 protected:
  static constexpr int64_t kEpochs = 3, kPerEpoch = 3, kSteps = kEpochs * kPerEpoch;

  TrainResult train(TrainOptions options, const std::string& checkpoint = "") {
    TrainingData data;
    static_cast<LabelledImages&>(data) = images(7);
    data.validation = images(8);
    options.resume = {checkpoint, "key"};
    return train_prompt(clip_, *learner_, data, options);
  }
  LabelledImages images(uint64_t seed) const {
    LabelledImages list;
    Rng rng(seed);
    list.features = at::empty({1, 12, clip_.config().embed_dim});
    float* values = list.features.data_ptr<float>();
    for (int64_t i = 0; i < list.features.numel(); ++i) values[i] = float(rng.normal());
    for (int64_t i = 0; i < 12; ++i) list.labels.push_back(i % 3);
    return list;
  }
  static TrainOptions quick(double checkpoint_seconds) {
    TrainOptions options;
    options.epochs = kEpochs;
    options.batch = 4;
    options.quantizer.bits = 2;
    options.checkpoint_seconds = checkpoint_seconds;
    return options;
  }
  static std::vector<TrainOptions> many_kinds() {
    std::vector<TrainOptions> all(4, quick(0));
    all[1].noise = 0.05;
    all[1].rate_change = RateChange::kStep;
    all[2].optimizer.kind = OptimizerKind::kAdam;
    all[2].quantization = Quantization::kNone;
    all[3].optimizer.kind = OptimizerKind::kAdamW;
    all[3].selection = Selection::kValidation;
    return all;
  }
  static void expect_same(const TrainResult& a, const TrainResult& b, const std::string& what) {
    ASSERT_EQ(a.tensors.size(), b.tensors.size());
    for (size_t i = 0; i < a.tensors.size(); ++i) {
      EXPECT_EQ(a.tensors[i].plain, b.tensors[i].plain) << what;
      EXPECT_EQ(a.tensors[i].quantized.codes, b.tensors[i].quantized.codes) << what;
      EXPECT_EQ(a.tensors[i].quantized.codebook, b.tensors[i].quantized.codebook) << what;
    }
    ASSERT_EQ(a.epochs.size(), b.epochs.size());
    for (size_t e = 0; e < a.epochs.size(); ++e) {
      EXPECT_EQ(a.epochs[e].loss, b.epochs[e].loss) << what;
      EXPECT_EQ(a.epochs[e].learning_rate, b.epochs[e].learning_rate) << what;
    }
    EXPECT_EQ(a.selected_epoch, b.selected_epoch) << what;
  }

  Clip clip_ = open_tiny_clip();
  std::unique_ptr<Learner> learner_ = make_learner(clip_, {"ant", "bee", "cow"}, MethodOptions());
};

TEST_F(ResumeTest, AKillAtAnyStepLosesNothingThatACheckpointHolds) {
  int kind = 0;
  for (TrainOptions options : many_kinds()) {
    const TrainResult whole = train(options);
    for (int64_t step = 1; step <= kSteps; ++step) {
      TempFolder folder;
      EndsAfter killer(step, Stop::kNo), watcher(-1, Stop::kNo);
      options.observer = &killer;
      EXPECT_THROW(train(options, folder / "checkpoint"), KilledAtStep);
      options.observer = &watcher;
      const TrainResult resumed = train(options, folder / "checkpoint");
      EXPECT_EQ(resumed.resumed_steps, step) << "a checkpoint was written after every step";
      expect_same(resumed, whole, cat("kind ", kind, ", killed after step ", step));
      options.observer = nullptr;
    }
    ++kind;
  }
}

TEST_F(ResumeTest, AStopKeepsItsStepWhateverTheTimeBetweenCheckpoints) {
  const TrainResult whole = train(quick(1e9));
  for (const auto& [why, kind] : {std::pair{Stop::kInterrupted, ErrorKind::kInterrupted},
                                  std::pair{Stop::kTerminated, ErrorKind::kStopped},
                                  std::pair{Stop::kAsked, ErrorKind::kStopped}}) {
    TempFolder folder;
    TrainOptions options = quick(1e9);
    EndsAfter observer(4, why);
    options.observer = &observer;
    try {
      train(options, folder / "checkpoint");
      ADD_FAILURE() << "it was not stopped";
    } catch (const Error& e) {
      EXPECT_EQ(e.kind(), kind);
      const std::string text = e.what();
      EXPECT_NE(text.find("holds step 4 of 9"), std::string::npos) << text;
      EXPECT_NE(text.find(folder / "checkpoint"), std::string::npos) << text;
    }
    EndsAfter rest(-1, Stop::kNo);
    options.observer = &rest;
    const TrainResult resumed = train(options, folder / "checkpoint");
    EXPECT_EQ(resumed.resumed_steps, 4);
    EXPECT_EQ(rest.seen.front(), 5) << "what was done is not done again";
    EXPECT_EQ(rest.epochs, (std::vector<int64_t>{2, 3})) << "epoch 1 was told before the stop";
    ASSERT_EQ(rest.findings.size(), 1u);
    EXPECT_EQ(rest.findings[0].topic, "resumed");
    expect_same(resumed, whole, "stopped after step 4");
  }
}

TEST_F(ResumeTest, WhoLostTheLeaseWritesNothing) {
  TempFolder folder;
  TrainOptions options = quick(1e9);
  EndsAfter observer(4, Stop::kLeaseLost);
  options.observer = &observer;
  EXPECT_THROW(train(options, folder / "checkpoint"), Error);
  EXPECT_FALSE(std::filesystem::exists(folder / "checkpoint"));
}

TEST_F(ResumeTest, AStopWithoutAFolderSaysThatNothingIsKept) {
  TrainOptions options = quick(0);
  EndsAfter observer(2, Stop::kInterrupted);
  options.observer = &observer;
  try {
    train(options);
    ADD_FAILURE();
  } catch (const Error& e) {
    EXPECT_NE(std::string(e.what()).find("nothing of it is kept"), std::string::npos) << e.what();
  }
}

TEST_F(ResumeTest, ACheckpointOfAnotherFormatIsRefusedByName) {
  TempFolder folder;
  const std::string path = folder / "checkpoint";
  // What the format before this one said of itself: no format, a key, a digest.
  write_safetensors(path, {{"steps", at::zeros({8}).to(at::kByte)}}, {{"key", "key"}});
  try {
    train(quick(0), path);
    ADD_FAILURE() << "it was taken";
  } catch (const Error& e) {
    EXPECT_EQ(e.kind(), ErrorKind::kContent);
    EXPECT_NE(std::string(e.what()).find("has format 1"), std::string::npos) << e.what();
    EXPECT_NE(std::string(e.what()).find(path), std::string::npos) << e.what();
  }
}

TEST_F(ResumeTest, NumbersThatStopBeingFiniteNameTheirStepAndTheLastGoodCheckpoint) {
  TempFolder folder;
  TrainOptions options = quick(0);
  options.quantization = Quantization::kNone;
  options.epochs = 20;
  options.warmup_epochs = 2;
  options.learning_rate = 1e30;
  std::string text;
  try {
    train(options, folder / "checkpoint");
    ADD_FAILURE() << "it went on";
  } catch (const Error& e) {
    EXPECT_EQ(e.kind(), ErrorKind::kContent);
    text = e.what();
  }
  for (const char* part : {"at step ", "learning rate 1e+30", "no prompt was written",
                           "the last good checkpoint", "after step "}) {
    EXPECT_NE(text.find(part), std::string::npos) << text;
  }
  const WeightStore kept = read_safetensors(folder / "checkpoint");
  EXPECT_TRUE(at::isfinite(kept.at("value.ctx")).all().item<bool>());
}

TEST_F(ResumeTest, TheBestValidatedEpochIsStoredAndTheEarliestOfEqualOnes) {
  TrainOptions options = quick(0);
  options.selection = Selection::kValidation;
  options.learning_rate = options.optimizer.weight_decay = 0;  // every epoch is the same
  options.warmup_rate = 0;
  EXPECT_EQ(train(options).selected_epoch, 1);
  options.selection = Selection::kLast;
  EXPECT_EQ(train(options).selected_epoch, kEpochs);
}

TEST_F(ResumeTest, SelectionWithoutValidationImagesIsRefused) {
  TrainOptions options = quick(0);
  options.selection = Selection::kValidation;
  TrainingData data;
  static_cast<LabelledImages&>(data) = images(7);
  try {
    train_prompt(clip_, *learner_, data, options);
    ADD_FAILURE();
  } catch (const Error& e) {
    EXPECT_EQ(e.kind(), ErrorKind::kContent);
    EXPECT_NE(std::string(e.what()).find("validation images"), std::string::npos) << e.what();
  }
}

TEST_F(ResumeTest, ATensorsOwnRateMovesItAlone) {
  const MethodOptions context("cocoop");
  const auto learner = make_learner(clip_, {"ant", "bee", "cow"}, context);
  TrainingData data;
  static_cast<LabelledImages&>(data) = images(7);
  TrainOptions options = quick(0);
  options.quantization = Quantization::kNone;
  options.plain_bits = 32;
  options.warmup_epochs = 0;
  options.tensor_rates = "meta=0";
  options.epochs = 1;
  const TrainResult result = train_prompt(clip_, *learner, data, options);
  Rng rng(options.seed);
  const auto start = learner->initial_values(rng);
  for (size_t i = 0; i < start.size(); ++i) {
    const at::Tensor end =
        at::tensor(result.tensors[i].values(), at::kFloat).view(start[i].sizes());
    EXPECT_EQ(at::equal(end, start[i]), result.tensors[i].name.rfind("meta.", 0) == 0)
        << result.tensors[i].name;
  }
}

}  // namespace
}  // namespace qprompt
