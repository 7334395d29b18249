// CoOp in its five variants: features, logits, loss, and the gradient of the context.
#include "golden/oracle.h"

#include "learner/learner.h"

namespace qprompt {
namespace {

struct Variant {
  std::string name;
  std::string words;
  ClassPosition position = ClassPosition::kEnd;
  bool class_specific = false;
};

void PrintTo(const Variant& variant, std::ostream* out) { *out << variant.name; }

class GoldenCoOp : public ::testing::TestWithParam<Variant> {};

TEST_P(GoldenCoOp, FeaturesLogitsLossAndGradientAreTheReferences) {
  QPROMPT_NEEDS("oracle.safetensors");
  QPROMPT_NEEDS_VOCABULARY();
  const Variant& variant = GetParam();
  const WeightStore oracle = read_weights(golden::file("oracle.safetensors"));
  const auto expected = [&](const char* what) { return oracle.at(variant.name + what); };
  if (!oracle.contains(variant.name + ".ctx")) GTEST_SKIP() << variant.name << " is not there";
  const Clip clip = golden::load(golden::any_layout());
  const auto names = golden::read_json(golden::file("oracle.json"))
                         .at("class_names")
                         .get<std::vector<std::string>>();
  MethodOptions options("coop");
  options.set("init", variant.words);
  options.set("class-position", position_name(variant.position));
  options.set("class-specific", std::string(variant.class_specific ? "true" : "false"));
  const at::Tensor ctx = expected(".ctx").clone().requires_grad_();  // (M, D) or (C, M, D)
  options.set("n-ctx", ctx.size(-2));
  const auto learner = make_learner(clip, names, options);
  const at::Tensor text = clip.encode_text(learner->prompts({ctx}));  // (C, E)
  const at::Tensor logits = golden::logits_of(clip, oracle.at("image_features"), text);
  const at::Tensor loss = at::cross_entropy_loss(logits, oracle.at("labels").to(at::kLong));
  loss.backward();
  const double text_error = golden::relative_error(text, expected(".text_features"));
  const double gradient_error = golden::relative_error(ctx.grad(), expected(".ctx_grad"));
  EXPECT_LT(text_error, 1e-4);
  EXPECT_LT(golden::relative_error(logits, expected(".logits")), 1e-4);
  EXPECT_LT(golden::relative_error(loss.view({1}), expected(".loss")), 1e-4);
  EXPECT_LT(gradient_error, 1e-3);
  std::printf("  %-12s text %.1e  gradient %.1e\n", variant.name.c_str(), text_error,
              gradient_error);
}

TEST(GoldenCoOpStart, WordsStartFromTheirEmbeddings) {
  QPROMPT_NEEDS("oracle_training.safetensors");
  QPROMPT_NEEDS_VOCABULARY();
  const at::Tensor initial =
      read_weights(golden::file("oracle_training.safetensors")).at("ctx_initial");  // (M, D)
  const Clip clip = golden::load(golden::any_layout());
  Rng rng(1);
  const auto values = make_learner(clip, {"thing"}, MethodOptions())->initial_values(rng);
  EXPECT_TRUE(at::equal(values.at(0), initial));
}

INSTANTIATE_TEST_SUITE_P(Variants, GoldenCoOp,
                         ::testing::Values(Variant{"coop_init", "a photo of a"},
                                           Variant{"coop_end", ""},
                                           Variant{"coop_middle", "", ClassPosition::kMiddle},
                                           Variant{"coop_front", "", ClassPosition::kFront},
                                           Variant{"coop_csc", "", ClassPosition::kEnd, true}),
                         [](const auto& info) { return info.param.name; });

}  // namespace
}  // namespace qprompt
