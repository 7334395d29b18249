// Each optimizer against LibTorch's own, and its weight decay by hand.
#include "train/impl/optimizer.h"

#include <gtest/gtest.h>
#include <torch/optim/adam.h>
#include <torch/optim/adamw.h>
#include <torch/optim/sgd.h>

#include <cmath>

#include "base/aten.h"

namespace qprompt {
namespace {

using namespace train;

constexpr int kSteps = 5;
constexpr double kRate = 0.05;

/// Made-up values of a tensor (3, 4); `phase` tells one from another.
at::Tensor wave(double phase) { return (at::arange(12).to(at::kFloat) + phase).sin().view({3, 4}); }

at::Tensor ours(const OptimizerOptions& options) {
  at::Tensor value = wave(0);  // (3, 4)
  Moments moments = zero_moments(options, value);
  for (int s = 0; s < kSteps; ++s) {
    optimizer_step(options, {kRate / (s + 1), s + 1}, wave(10 + s), value, moments);
  }
  return value;
}

template <class Optimizer, class Options>
at::Tensor theirs(Options options) {
  const at::Tensor value = wave(0).requires_grad_();  // (3, 4)
  Optimizer optimizer({value}, options);
  for (int s = 0; s < kSteps; ++s) {
    static_cast<Options&>(optimizer.param_groups()[0].options()).lr(kRate / (s + 1));
    value.mutable_grad() = wave(10 + s);
    optimizer.step();
  }
  return value.detach();
}

OptimizerOptions settings(OptimizerKind kind) {
  OptimizerOptions options;
  options.kind = kind;
  options.weight_decay = 0.3;  // large, so that its meaning shows
  options.momentum = 0.8;
  options.beta1 = 0.85;
  options.beta2 = 0.95;
  options.epsilon = 1e-3;
  return options;
}

double distance(const at::Tensor& a, const at::Tensor& b) {
  return (a - b).abs().max().item<double>();
}

TEST(OptimizerTest, SgdIsLibTorchs) {
  const auto options = settings(OptimizerKind::kSgd);
  const at::Tensor reference = theirs<torch::optim::SGD>(
      torch::optim::SGDOptions(kRate).momentum(options.momentum).weight_decay(0.3));
  EXPECT_LT(distance(ours(options), reference), 1e-6);
}

TEST(OptimizerTest, AdamIsLibTorchsWithItsDecayInTheGradient) {
  const auto options = settings(OptimizerKind::kAdam);
  const at::Tensor reference = theirs<torch::optim::Adam>(
      torch::optim::AdamOptions(kRate).betas({0.85, 0.95}).eps(1e-3).weight_decay(0.3));
  EXPECT_LT(distance(ours(options), reference), 1e-6);
}

TEST(OptimizerTest, AdamWIsLibTorchsWithItsDecayApart) {
  const auto options = settings(OptimizerKind::kAdamW);
  const at::Tensor reference = theirs<torch::optim::AdamW>(
      torch::optim::AdamWOptions(kRate).betas({0.85, 0.95}).eps(1e-3).weight_decay(0.3));
  EXPECT_LT(distance(ours(options), reference), 1e-6);
}

/// One value of 2 after the first step, whose gradient is zero: only the decay acts.
double decayed(OptimizerKind kind, double decay) {
  OptimizerOptions options;
  options.kind = kind;
  options.weight_decay = decay;
  options.epsilon = 0;
  at::Tensor value = at::full({1}, 2.0);  // (1)
  Moments moments = zero_moments(options, value);
  optimizer_step(options, {0.1, 1}, at::zeros({1}), value, moments);
  return value.item<double>();
}

TEST(OptimizerTest, DecayAloneMovesAValueByHandComputedSteps) {
  EXPECT_NEAR(decayed(OptimizerKind::kSgd, 0.5), 2 - 0.1 * 0.5 * 2, 1e-6);
  // Adam divides the decay, which is its whole gradient, by its own length: a full step.
  EXPECT_NEAR(decayed(OptimizerKind::kAdam, 0.5), 2 - 0.1, 1e-6);
  EXPECT_NEAR(decayed(OptimizerKind::kAdam, 0.005), 2 - 0.1, 1e-6);
  OptimizerOptions none;
  EXPECT_NEAR(decayed(OptimizerKind::kSgd, 0), 2, 1e-12);
}

TEST(OptimizerTest, AdamWsDecayIsAPartOfTheValue) {
  OptimizerOptions options;
  options.kind = OptimizerKind::kAdamW;
  options.weight_decay = 0.5;
  at::Tensor value = at::full({1}, 2.0);  // (1)
  Moments moments = zero_moments(options, value);
  optimizer_step(options, {0.1, 1}, at::zeros({1}), value, moments);
  EXPECT_NEAR(value.item<double>(), 2 * (1 - 0.1 * 0.5), 1e-6);
}

TEST(TensorRates, StandForAGroupOfTensorsOrForOne) {
  const std::vector<ParameterSpec> specs{{"ctx", {4, 8}},
                                         {"proj.0.weight", {8, 8}},
                                         {"proj.0.bias", {8}, false},
                                         {"proj.1.weight", {8, 8}}};
  using Rates = std::vector<double>;
  EXPECT_EQ(tensor_rates(specs, 0.1, ""), (Rates{0.1, 0.1, 0.1, 0.1}));
  EXPECT_EQ(tensor_rates(specs, 0.1, "proj=0.5"), (Rates{0.1, 0.5, 0.5, 0.5}));
  EXPECT_EQ(tensor_rates(specs, 0.1, "proj=0.5,proj.0.bias=0,ctx=1e-3"),
            (Rates{1e-3, 0.5, 0, 0.5}));
  for (const char* bad : {"meta=0.1", "ctx", "ctx=", "ctx=fast", "ctx=-1", "ctx=nan"}) {
    EXPECT_THROW(tensor_rates(specs, 0.1, bad), Error) << bad;
  }
}

}  // namespace
}  // namespace qprompt
