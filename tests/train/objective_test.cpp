// The terms and gradient rules by hand-computed numbers, and a toy method made of them.
#include "train/impl/objective.h"

#include <gtest/gtest.h>

#include <cmath>

#include "base/aten.h"
#include "learner/texts.h"
#include "support/tiny_clip.h"
#include "train/impl/forward.h"
#include "train/train.h"

namespace qprompt {
namespace {

using namespace train;

/// Two images, two classes, in the plane; τ = 1.
TermInput two_by_two() {
  TermInput input;
  input.image = at::tensor({1.0, 0.0, 0.6, 0.8}, at::kFloat).view({2, 2});
  input.text = at::tensor({1.0, 0.0, 0.0, 1.0}, at::kFloat).view({2, 2});
  input.teacher_image = at::tensor({1.0, 0.0, 0.0, 1.0}, at::kFloat).view({2, 2});
  input.teacher_text = at::tensor({0.0, 1.0, 0.0, 1.0}, at::kFloat).view({2, 2});
  input.logits = at::mm(input.image, input.text.t());
  input.labels = at::tensor({0, 1}, at::kLong);
  return input;
}

double value_of(const std::string& term) {
  return find_term(term).value(two_by_two()).item<double>();
}

TEST(ObjectiveTerms, AreWhatAPencilGives) {
  const auto softmax_loss = [](double right, double wrong) {
    return std::log(1 + std::exp(wrong - right));
  };
  EXPECT_NEAR(value_of("cross-entropy"), (softmax_loss(1, 0) + softmax_loss(0.8, 0.6)) / 2, 1e-6);
  EXPECT_NEAR(value_of("l1-image"), (0 + 0 + 0.6 + 0.2) / 4, 1e-6);
  EXPECT_NEAR(value_of("l1-text"), (1 + 1 + 0 + 0) / 4.0, 1e-6);
  EXPECT_NEAR(value_of("cosine-text"), 1 - (0 + 1) / 2.0, 1e-6);
  // The teacher's logits are 0, 0 and 1, 1: both classes alike, so q is ½, ½.
  const auto divergence = [&](double a, double b) {
    return 0.5 * (softmax_loss(a, b) + softmax_loss(b, a)) - std::log(2);
  };
  const double kl = divergence(1, 0) + divergence(0.6, 0.8);
  EXPECT_NEAR(value_of("kl"), kl / 2, 1e-6);
  EXPECT_NEAR(value_of("kl-elements"), kl / 4, 1e-6);
}

TEST(GradientRules, SumAddsAndProjectRemovesWhatOpposes) {
  const at::Tensor a = at::tensor({1.0, -2.0}), guide = at::tensor({0.0, 3.0});  // (2)
  EXPECT_TRUE(at::equal(sum_rule({{a}, {guide}}, 1)[0], at::tensor({1.0, 1.0})));
  EXPECT_TRUE(at::allclose(project_rule({{a}, {guide}}, 1)[0], at::tensor({1.0, 0.0})));
  EXPECT_TRUE(at::allclose(project_rule({{a}, {guide}}, 0.5)[0], at::tensor({1.0, -1.0})));
  EXPECT_TRUE(at::equal(project_rule({{a}, {-guide}}, 1)[0], a));
  EXPECT_TRUE(at::equal(project_rule({{a}, {at::zeros({2}).to(at::kFloat)}}, 1)[0], a));
  EXPECT_THROW(project_rule({{a}}, 1), Error);
}

/// CoOp's row with other terms, under a word of its own.
MethodOptions toy(std::vector<TermUse> terms, const std::string& rule = "sum") {
  static int rows = 0;
  Method row = find_method("coop");
  row.word = cat("toy-", ++rows);
  row.label = row.word;
  row.stored_form = kOutsideForm;
  row.objective = std::move(terms);
  row.gradient_rule = rule;
  add_method(row);
  return MethodOptions(row.word);
}

TEST(Objectives, WithUnknownWordsBadWeightsOrHolesAreRefused) {
  const auto refusal = [](std::vector<TermUse> terms, const std::string& rule = "sum") {
    try {
      make_objective(toy(std::move(terms), rule));
    } catch (const Error& e) {
      EXPECT_EQ(e.kind(), ErrorKind::kUsage);
      return std::string(e.what());
    }
    return std::string("it was accepted");
  };
  EXPECT_NE(refusal({{"crossentropy"}}).find("cross-entropy, kl"), std::string::npos);
  EXPECT_NE(refusal({{"kl", "much"}}).find("much"), std::string::npos);
  EXPECT_NE(refusal({{"kl"}}, "average").find("sum, project"), std::string::npos);
  EXPECT_NE(refusal({{"cross-entropy", "1", 1}, {"kl", "1", 1}}).find("group"), std::string::npos);
  EXPECT_NE(refusal({{"kl", "1", 7}}).find("group 7"), std::string::npos);
}

TEST(Objectives, AWeightMayBeAnOptionOfTheRow) {
  Method row = find_method("coop");
  row.word = row.label = "toy-weighted";
  row.stored_form = kOutsideForm;
  row.options.push_back({"kg-weight", "weight of the cosine", "8", OptionKind::kNumber, {0, 1e6}});
  row.objective = {{"cross-entropy"}, {"cosine-text", "kg-weight"}};
  add_method(row);
  MethodOptions options("toy-weighted");
  EXPECT_EQ(make_objective(options).groups[0][1].weight, 8);
  options.set("kg-weight", "2.5");
  EXPECT_EQ(make_objective(options).groups[0][1].weight, 2.5);
}

/// Toy methods on CoOp's tensors, each with terms of its own: rows, and no code.
class ToyMethod : public ::testing::Test {
 protected:
  TrainResult train(const MethodOptions& method, bool teacher = true, int64_t batch = 4) {
    TrainingData data;
    data.features = at::arange(12 * clip_.config().embed_dim)
                        .to(at::kFloat)
                        .sin()
                        .view({1, 12, clip_.config().embed_dim});
    for (int64_t i = 0; i < 12; ++i) data.labels.push_back(i % 3);
    if (teacher) {
      data.teacher_texts =
          clip_.encode_text(pack_texts(clip_, {"an ant.", "a bee.", "a cow."})).detach();
    }
    TrainOptions options;
    options.epochs = 6;
    options.batch = batch;
    options.warmup_epochs = 0;
    options.quantization = Quantization::kNone;
    options.plain_bits = 32;
    const auto learner = make_learner(clip_, {"ant", "bee", "cow"}, method);
    return train_prompt(clip_, *learner, data, options);
  }

  Clip clip_ = testing_support::open_tiny_clip();
};

TEST_F(ToyMethod, ATermWithoutWeightLeavesCoOpsBytes) {
  const auto plain = train(MethodOptions()).tensors[0].plain;
  EXPECT_EQ(train(toy({{"cross-entropy"}, {"cosine-text", "0"}})).tensors[0].plain, plain);
  EXPECT_NE(train(toy({{"cross-entropy"}, {"cosine-text", "8"}})).tensors[0].plain, plain);
}

TEST_F(ToyMethod, ATermThatIsMinimisedFalls) {
  const auto only = train(toy({{"cosine-text"}})).epochs;
  EXPECT_LT(only.back().loss, only.front().loss);
  const auto all = train(toy({{"cross-entropy"}, {"l1-text", "25"}, {"kl-elements"}})).epochs;
  EXPECT_LT(all.back().loss, all.front().loss);
}

TEST_F(ToyMethod, TwoGroupsGoBackThroughOneGraph) {
  const auto sum = train(toy({{"cross-entropy"}, {"kl", "1", 1}})).tensors[0].plain;
  const auto one = train(toy({{"cross-entropy"}, {"kl"}})).tensors[0].plain;
  ASSERT_EQ(sum.size(), one.size());
  for (size_t i = 0; i < sum.size(); ++i) ASSERT_NEAR(sum[i], one[i], 1e-4) << i;
  const auto projected = train(toy({{"cross-entropy"}, {"kl", "1", 1}}, "project"));
  EXPECT_NE(projected.tensors[0].plain, one);
  // The first group is followed, so its loss is the one that is told: of one step an epoch, CoOp's.
  const auto told = train(toy({{"cross-entropy"}, {"kl", "1", 1}}, "project"), true, 12);
  EXPECT_EQ(told.epochs[0].loss, train(MethodOptions(), true, 12).epochs[0].loss);
}

TEST_F(ToyMethod, ATermThatReadsTheFrozenTextsNeedsThem) {
  EXPECT_THROW(train(toy({{"cross-entropy"}, {"l1-text"}}), false), Error);
}

}  // namespace
}  // namespace qprompt
