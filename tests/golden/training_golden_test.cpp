// Ten training steps and the learning rates of the reference.
#include "golden/oracle.h"
#include "learner/learner.h"
#include "qprompt/train.h"

namespace qprompt {
namespace {

TEST(GoldenTraining, TenStepsFollowTheReference) {
  QPROMPT_NEEDS("oracle_training.safetensors");
  QPROMPT_NEEDS("oracle.safetensors");
  QPROMPT_NEEDS_VOCABULARY();
  const WeightStore truth = read_weights(golden::file("oracle_training.safetensors"));
  const WeightStore features = read_weights(golden::file("oracle.safetensors"));
  const Clip clip = golden::load(golden::any_layout());
  const auto names = golden::read_json(golden::file("oracle.json"))
                         .at("class_names")
                         .get<std::vector<std::string>>();
  const auto learner = make_learner(clip, names, MethodOptions());
  const at::Tensor labels = truth.at("labels").to(at::kLong).contiguous();  // (B)
  TrainingData data;
  data.features = features.at("image_features").unsqueeze(0);  // (1, B, E)
  const int64_t* label = labels.data_ptr<int64_t>();
  data.labels.assign(label, label + labels.numel());
  TrainOptions options;  // the recipe of the file's metadata: one full batch an epoch
  options.epochs = truth.at("losses").numel();
  options.batch = labels.numel();
  options.quantization = Quantization::kNone;
  options.plain_bits = 32;
  const TrainResult result = train_prompt(clip, *learner, data, options);
  ASSERT_EQ(static_cast<int64_t>(result.epochs.size()), options.epochs);
  for (int64_t e = 0; e < options.epochs; ++e) {
    const double want = truth.at("losses")[e].item<double>();
    EXPECT_NEAR(result.epochs[static_cast<size_t>(e)].loss / want, 1, 1e-4) << "epoch " << e;
  }
  const at::Tensor ctx =
      at::tensor(result.tensors[0].values(), at::kFloat).view(result.tensors[0].shape);  // (M, D)
  EXPECT_LT(golden::relative_error(ctx, truth.at("ctx_final")), 1e-4);
}

TEST(GoldenTraining, EveryLearningRateEqualsTheReferenceScheduler) {
  const auto rates =
      golden::read_json(std::string(QPROMPT_SOURCE_DIR) + "/tests/data/oracle/learning_rates.json");
  for (const auto& [epochs, values] : rates.items()) {
    TrainOptions options;
    options.epochs = std::stoll(epochs);
    ASSERT_EQ(values.size(), static_cast<size_t>(options.epochs));
    for (int64_t e = 0; e < options.epochs; ++e) {
      const double want = values[static_cast<size_t>(e)].get<double>();
      EXPECT_NEAR(learning_rate_at(options, options.learning_rate, double(e)), want, 1e-12)
          << epochs << ' ' << e;
    }
  }
}

}  // namespace
}  // namespace qprompt
