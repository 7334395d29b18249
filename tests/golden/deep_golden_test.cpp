// MaPLe and CoCoOp: features, logits, loss, and the gradients of everything that they learn.
#include "golden/oracle.h"

#include "learner/learner.h"

namespace qprompt {
namespace {

using Json = nlohmann::json;

std::vector<std::string> class_names() {
  return golden::read_json(golden::file("oracle.json"))
      .at("class_names")
      .get<std::vector<std::string>>();
}

/// Our names of MaPLe's tensors in the order of the learner, as its checkpoints call them.
std::string checkpoint_name(const std::string& ours) {
  const auto number = [&](size_t at) { return std::stoll(ours.substr(at)); };
  if (ours.rfind("deep.", 0) == 0) return cat("compound_prompts_text.", number(5) - 1);
  if (ours.rfind("proj.0", 0) == 0) return "proj" + ours.substr(6);
  if (ours.rfind("proj.", 0) == 0) {
    const size_t dot = ours.find('.', 5);
    return cat("compound_prompt_projections.", number(5) - 1, ours.substr(dot));
  }
  return ours;
}

TEST(GoldenMaPLe, FeaturesLogitsLossAndAllGradientsAreTheReferences) {
  QPROMPT_NEEDS("oracle_maple.safetensors");
  QPROMPT_NEEDS_VOCABULARY();
  const WeightStore maple = read_weights(golden::file("oracle_maple.safetensors"));
  const WeightStore oracle = read_weights(golden::file("oracle.safetensors"));
  const Clip clip = golden::load(golden::any_layout());
  MethodOptions options("maple");
  options.set("n-ctx", std::stoll(maple.metadata.at("n_ctx")));
  options.set("depth", std::stoll(maple.metadata.at("depth")));
  const auto learner = make_learner(clip, class_names(), options);
  std::vector<at::Tensor> values;
  for (const ParameterSpec& spec : learner->parameters()) {
    const std::string name = "param.prompt_learner." + checkpoint_name(spec.name);
    values.push_back(maple.at(name).clone().requires_grad_());
  }
  for (const int64_t chunk : {int64_t{0}, int64_t{3}}) {
    for (at::Tensor& value : values) value.mutable_grad().reset();
    const at::Tensor text = clip.encode_text(learner->prompts(values), chunk);  // (C, E)
    const at::Tensor image =
        clip.encode_image(oracle.at("preprocessed"), learner->image_prompts(values), chunk);
    const at::Tensor logits = golden::logits_of(clip, image, text);
    const at::Tensor loss = at::cross_entropy_loss(logits, maple.at("labels").to(at::kLong));
    loss.backward();
    EXPECT_LT(golden::relative_error(text, maple.at("text_features")), 1e-4);
    EXPECT_LT(golden::relative_error(image, maple.at("image_features")), 1e-4);
    EXPECT_LT(golden::relative_error(logits, maple.at("logits")), 1e-4);
    EXPECT_LT(golden::relative_error(loss.view({1}), maple.at("loss")), 1e-4);
    double worst = 0;
    for (size_t i = 0; i < values.size(); ++i) {
      const std::string name = checkpoint_name(learner->parameters()[i].name);
      const double error =
          golden::relative_error(values[i].grad(), maple.at("grad.prompt_learner." + name));
      EXPECT_LT(error, 1e-3) << name;
      worst = std::max(worst, error);
    }
    std::printf("  MaPLe, chunks of %d: worst gradient %.1e of %zu\n", static_cast<int>(chunk),
                worst, values.size());
  }
}

TEST(GoldenMaPLe, WithoutAGraphTheFeaturesAreTheSame) {
  QPROMPT_NEEDS("oracle_maple.safetensors");
  QPROMPT_NEEDS_VOCABULARY();
  const WeightStore maple = read_weights(golden::file("oracle_maple.safetensors"));
  const WeightStore oracle = read_weights(golden::file("oracle.safetensors"));
  const Clip clip = golden::load(golden::any_layout());
  MethodOptions options("maple");
  options.set("n-ctx", std::stoll(maple.metadata.at("n_ctx")));
  options.set("depth", std::stoll(maple.metadata.at("depth")));
  const auto learner = make_learner(clip, class_names(), options);
  std::vector<at::Tensor> values;
  for (const ParameterSpec& spec : learner->parameters()) {
    values.push_back(maple.at("param.prompt_learner." + checkpoint_name(spec.name)));
  }
  EXPECT_LT(
      golden::relative_error(clip.encode_text(learner->prompts(values)), maple.at("text_features")),
      1e-4);
  EXPECT_LT(golden::relative_error(
                clip.encode_image(oracle.at("preprocessed"), learner->image_prompts(values)),
                maple.at("image_features")),
            1e-4);
}

TEST(GoldenCoCoOp, LogitsLossAndAllGradientsAreTheReferences) {
  QPROMPT_NEEDS("oracle.safetensors");
  QPROMPT_NEEDS_VOCABULARY();
  const WeightStore oracle = read_weights(golden::file("oracle.safetensors"));
  if (!oracle.contains("cocoop.ctx")) GTEST_SKIP() << "CoCoOp is not there";
  const Clip clip = golden::load(golden::any_layout());
  MethodOptions options("cocoop");
  const auto learner = make_learner(clip, class_names(), options);
  const std::vector<std::string> names{"ctx", "meta_net.linear1.weight", "meta_net.linear1.bias",
                                       "meta_net.linear2.weight", "meta_net.linear2.bias"};
  std::vector<at::Tensor> values;
  for (const std::string& name : names) {
    values.push_back(oracle.at("cocoop." + name).clone().requires_grad_());
  }
  const at::Tensor image = oracle.at("image_features");     // (B, E)
  const at::Tensor unit = image / image.norm(2, -1, true);  // (B, E)
  std::vector<at::Tensor> logits;                           // B of (1, C)
  for (int64_t b = 0; b < image.size(0); ++b) {
    const at::Tensor text = clip.encode_text(learner->prompts_for(values, unit[b]));
    logits.push_back(golden::logits_of(clip, image[b].unsqueeze(0), text));
  }
  const at::Tensor all = at::cat(logits, 0);  // (B, C)
  const at::Tensor loss = at::cross_entropy_loss(all, oracle.at("labels").to(at::kLong));
  loss.backward();
  EXPECT_LT(golden::relative_error(all, oracle.at("cocoop.logits")), 1e-4);
  EXPECT_LT(golden::relative_error(loss.view({1}), oracle.at("cocoop.loss")), 1e-4);
  for (size_t i = 0; i < names.size(); ++i) {
    EXPECT_LT(golden::relative_error(values[i].grad(), oracle.at("cocoop.grad." + names[i])), 1e-3)
        << names[i];
  }
}

}  // namespace
}  // namespace qprompt
