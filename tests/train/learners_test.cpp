// Every learner trained and scored: image-side ones from pixels, conditional ones image by image.
#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "qprompt/eval.h"
#include "qprompt/train.h"
#include "support/tiny_clip.h"
#include "train/impl/forward.h"
#include "train/impl/quantized.h"

namespace qprompt {
namespace {

using namespace train;

using testing_support::open_tiny_clip;
using testing_support::read_all;
using testing_support::TempFolder;
using testing_support::tiny_oracle;

const Clip& tiny() {
  static const Clip clip = open_tiny_clip();
  return clip;
}

/// The oracle's pictures in three made-up classes.
Split pictures() {
  Split split;
  split.name = "pictures";
  split.image_root = tiny_oracle() + "/images";
  split.class_names = {"ant", "bee", "cow"};
  int64_t next = 0;
  std::vector<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator(split.image_root)) {
    names.push_back(entry.path().filename().string());
  }
  std::sort(names.begin(), names.end());
  for (const std::string& name : names) split.train.push_back({name, next++ % 3});
  split.test = split.train;
  return split;
}

FitOptions quick(const std::string& kind) {
  FitOptions options;
  options.method = MethodOptions(kind);
  options.train.epochs = 3;
  options.train.batch = 4;
  options.train.learning_rate = 0.01;
  options.train.quantizer.bits = 4;
  options.train.checkpoint_seconds = 0;
  options.features.cache = "none";
  options.views = 2;
  return options;
}

Score score(const TrainedPrompt& prompt, const Split& split) {
  const PromptedClasses classes(tiny(), prompt, split.class_names);
  FeatureOptions options;
  options.cache = "none";
  options.prompts = classes.image_prompts();
  Log quiet;
  const FeatureSet set = test_features(tiny(), split.image_root, split.test, options, quiet);
  return score_logits(classes.logits(set.features[0]), set, split.test, split.class_names);
}

class EveryLearner : public ::testing::TestWithParam<const char*> {};

TEST_P(EveryLearner, TrainsToTheSameBytesTwiceAndScoresWhatItWrote) {
  const Split split = pictures();
  Log log;
  TempFolder folder;
  FitOptions options = quick(GetParam());
  options.out = folder / "a";
  const FitResult first = fit_prompt(tiny(), split, options, log);
  options.out = folder / "b";
  const FitResult second = fit_prompt(tiny(), split, options, log);
  EXPECT_EQ(read_all(first.path), read_all(second.path));
  EXPECT_EQ(first.prompt.method, GetParam());
  const Score result = score(first.prompt, split);
  EXPECT_EQ(result.total, 8);
  for (int64_t label : result.predictions) EXPECT_LT(label, 3);
  for (const StoredTensor& tensor : first.prompt.tensors) {
    const bool bias = tensor.name.ends_with("bias");
    EXPECT_EQ(tensor.bits, bias ? 16 : 4) << tensor.name;
  }
}

TEST_P(EveryLearner, LearnsEveryTensor) {
  const Split split = pictures();
  Log log;
  FitOptions options = quick(GetParam());
  options.train.quantization = Quantization::kNone;
  options.train.plain_bits = 32;
  options.train.warmup_epochs = 0;
  options.train.optimizer.weight_decay = 0;  // which would move what has no gradient
  const FitResult trained = fit_prompt(tiny(), split, options, log);
  Rng rng(options.train.seed);
  const auto learner = make_learner(tiny(), split.class_names, options.method);
  const auto start = learner->initial_values(rng);
  for (size_t i = 0; i < start.size(); ++i) {
    const at::Tensor end =
        at::tensor(trained.prompt.tensors[i].values(), at::kFloat).view(start[i].sizes());
    EXPECT_FALSE(at::equal(end, start[i])) << trained.prompt.tensors[i].name;
  }
}

INSTANTIATE_TEST_SUITE_P(Kinds, EveryLearner,
                         ::testing::Values("coop", "cocoop", "maple", "ivlp", "vpt", "deep-text"));

TEST(ImageSideTraining, GoesOnAfterACheckpointToTheSameBytes) {
  const Split split = pictures();
  Log log;
  TempFolder folder;
  FitOptions options = quick("maple");
  options.out = folder / "whole";
  const std::string whole = read_all(fit_prompt(tiny(), split, options, log).path);
  // A run that dies: the third epoch's pixels never come.
  const auto learner = make_learner(tiny(), split.class_names, options.method);
  const TrainingPixels pixels(tiny(), split.image_root, split.train, {2, 1, 64, {}});
  TrainingData data;
  for (const Item& item : split.train) data.labels.push_back(item.label);
  data.pixels = [&](const std::vector<int64_t>& items, int64_t epoch) {
    if (epoch == 2) throw std::runtime_error("killed");
    return pixels.batch(items, epoch);
  };
  TrainOptions train = options.train;
  train.resume = {folder / "checkpoint.safetensors", "key"};
  EXPECT_THROW(train_prompt(tiny(), *learner, data, train), std::runtime_error);
  data.pixels = [&](const std::vector<int64_t>& items, int64_t epoch) {
    EXPECT_EQ(epoch, 2) << "what was done is not done again";
    return pixels.batch(items, epoch);
  };
  const TrainResult resumed = train_prompt(tiny(), *learner, data, train);
  const TrainedPrompt expected = decode_prompt(whole, "whole");
  for (size_t i = 0; i < resumed.tensors.size(); ++i) {
    EXPECT_EQ(resumed.tensors[i].values(), expected.tensors[i].values());
  }
}

TEST(ImageSideTraining, ChunksFollowTheMemoryAndGiveTheSameGradients) {
  MethodOptions options("maple");
  const Split split = pictures();
  const auto learner = make_learner(tiny(), split.class_names, options);
  const Chunks roomy = choose_chunks(tiny(), *learner, 0, int64_t{1} << 30);
  const Chunks tight = choose_chunks(tiny(), *learner, 0, 1);
  EXPECT_EQ(roomy.classes, 3);
  EXPECT_GE(roomy.images, 8);
  EXPECT_EQ(tight.classes, 1);
  EXPECT_EQ(tight.images, 1);
  const TrainingPixels pixels(tiny(), split.image_root, split.train, {0, 1, 64, {}});
  const Batch batch{{}, pixels.batch({0, 1, 2, 3, 4}, 0), at::tensor({0, 1, 2, 0, 1}, at::kLong)};
  std::vector<std::vector<at::Tensor>> gradients;
  std::vector<double> losses;
  for (const Chunks& chunks : {roomy, tight}) {
    Rng rng(1);
    std::vector<at::Tensor> leaves = learner->initial_values(rng);
    for (at::Tensor& leaf : leaves) leaf.requires_grad_();
    const Step step =
        gradients_of({tiny(), *learner, chunks, {}, {}}, make_objective(learner->options()),
                     leaves, batch);
    losses.push_back(step.loss);
    gradients.push_back(step.gradients);
  }
  EXPECT_NEAR(losses[0], losses[1], 1e-5);
  for (size_t i = 0; i < gradients[0].size(); ++i) {
    EXPECT_LT((gradients[0][i] - gradients[1][i]).norm().item<double>(),
              1e-4 * gradients[0][i].norm().item<double>() + 1e-7);
  }
}

TEST(ConditionalTraining, GradientsImageByImageAreThoseOfTheMeanLoss) {
  MethodOptions options("cocoop");
  const auto learner = make_learner(tiny(), {"ant", "bee", "cow"}, options);
  const at::Tensor raw = at::arange(3 * tiny().config().embed_dim).view({3, -1}).sin();
  const at::Tensor features = raw / raw.norm(2, -1, true);  // (B, E)
  const at::Tensor labels = at::tensor({0, 1, 2}, at::kLong);
  const auto fresh = [&] {
    Rng rng(1);
    std::vector<at::Tensor> leaves = learner->initial_values(rng);
    for (at::Tensor& leaf : leaves) leaf.requires_grad_();
    return leaves;
  };
  const auto one = fresh(), other = fresh();
  const Step step = gradients_of({tiny(), *learner, {}, {}, {}},
                                 make_objective(learner->options()), one, {features, {}, labels});
  at::Tensor mean = at::zeros({});
  for (int64_t b = 0; b < 3; ++b) {
    mean = mean + prompt_loss(tiny(), learner->prompts_for(other, features[b]),
                              features.narrow(0, b, 1), labels.narrow(0, b, 1)) /
                      3.0;
  }
  mean.backward();
  EXPECT_NEAR(step.loss, mean.item<double>(), 1e-6);
  for (size_t i = 0; i < one.size(); ++i) {
    EXPECT_LT((step.gradients[i] - other[i].grad()).norm().item<double>(),
              1e-5 * other[i].grad().norm().item<double>() + 1e-8);
  }
}

TEST(ConditionalPrompts, HaveNoMatrixOfClasses) {
  const Split split = pictures();
  Log log;
  const FitResult trained = fit_prompt(tiny(), split, quick("cocoop"), log);
  EXPECT_THROW(class_matrix(tiny(), trained.prompt, split.class_names), Error);
}

/// What is said of a prompt that a hostile or damaged file might hold.
std::string refusal(const TrainedPrompt& prompt) {
  try {
    PromptedClasses(tiny(), prompt, {"ant", "bee"});
  } catch (const Error& e) {
    EXPECT_EQ(e.kind(), ErrorKind::kContent) << e.what();
    return e.what();
  }
  return "it was accepted";
}

TEST(HostilePrompts, OfGoodFormButAnotherShapeAreRefusedAsContent) {
  const Split split = pictures();
  Log log;
  const auto train = [&](const std::string& kind) {
    FitOptions options = quick(kind);
    options.train.quantization = Quantization::kNone;
    options.train.epochs = 1;
    return fit_prompt(tiny(), split, options, log).prompt;
  };
  TrainedPrompt deep = train("deep-text");
  deep.depth = 200;
  EXPECT_NE(refusal(deep).find("depth 200"), std::string::npos) << refusal(deep);
  TrainedPrompt words = train("maple");
  words.initial_words = "photo";
  EXPECT_NE(refusal(words).find("does not fit its model"), std::string::npos);
  TrainedPrompt rows = train("vpt");
  rows.n_ctx = 5000;
  for (StoredTensor& tensor : rows.tensors) {
    tensor.shape[0] = 5000;
    tensor.plain.assign(static_cast<size_t>(tensor.count()), 0.0F);
  }
  const PromptedClasses accepted(tiny(), rows, {"ant", "bee"});
  const int64_t size = tiny().config().image_size;
  try {
    tiny().encode_image(at::zeros({1, 3, size, size}), accepted.image_prompts());
    ADD_FAILURE() << "5,000 rows an image were taken";
  } catch (const Error& e) {
    EXPECT_EQ(e.kind(), ErrorKind::kContent);
  }
  TrainedPrompt width = train("maple");
  width.width = 64;
  width.tensors[0].shape = {2, 64};
  EXPECT_NE(refusal(width).find("another shape"), std::string::npos);
}

TEST(ClassifierOfEveryLearner, AnswersAsTheScoreDoes) {
  const Split split = pictures();
  Log log;
  for (const char* kind : {"maple", "cocoop", "vpt"}) {
    const FitResult trained = fit_prompt(tiny(), split, quick(kind), log);
    const Score scored = score(trained.prompt, split);
    const Classifier classifier(tiny(), trained.prompt, split.class_names);
    for (size_t i = 0; i < split.test.size(); ++i) {
      const auto path = split.image_root + "/" + split.test[i].path;
      EXPECT_EQ(classifier.classify_file(path, 1, {}).front().label, scored.predictions[i]);
    }
  }
}

TEST(QuantizedTensors, AreThePapersUnlessTheUserNamesThem) {
  MethodOptions options("maple");
  options.set("depth", 2);
  const auto specs = make_learner(tiny(), {"ant", "bee"}, options)->parameters();
  // ctx, deep.1, proj.0.weight, proj.0.bias, proj.1.weight, proj.1.bias
  using Chosen = std::vector<bool>;
  EXPECT_EQ(choose_quantized(specs, ""), (Chosen{true, true, true, false, true, false}));
  EXPECT_EQ(choose_quantized(specs, "proj"), (Chosen{false, false, true, false, true, false}));
  EXPECT_EQ(choose_quantized(specs, "ctx,proj.1.bias"),
            (Chosen{true, false, false, false, false, true}));
  EXPECT_THROW(choose_quantized(specs, "context"), Error);
}

TEST(TrainingPixelsTest, AreTheViewsAndKeepWithinTheirMemory) {
  const Split split = pictures();
  const TrainingPixels kept(tiny(), split.image_root, split.train, {3, 5, 64, {}});
  const TrainingPixels none(tiny(), split.image_root, split.train, {3, 5, 0, {}});
  const at::Tensor first = kept.batch({4, 1}, 2);
  EXPECT_TRUE(at::equal(first, kept.batch({4, 1}, 5))) << "view 5 is view 2 of 3";
  EXPECT_FALSE(at::equal(first, kept.batch({4, 1}, 1)));
  EXPECT_TRUE(at::equal(first, none.batch({4, 1}, 2)));
  EXPECT_GT(kept.kept_bytes(), 0);
  EXPECT_EQ(none.kept_bytes(), 0);
  FeatureOptions options;
  options.cache = "none";
  Log quiet;
  const FeatureSet views = train_features(tiny(), split, {3, 5}, options, quiet);
  const at::Tensor same = tiny().encode_image(kept.batch({4}, 1));
  EXPECT_LT((views.features[1][4] - same[0]).norm().item<double>(), 1e-4);
}

}  // namespace
}  // namespace qprompt
