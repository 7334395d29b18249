// The terms and rules of published methods against their own code: KgCoOp, ProGrad, PromptSRC.
#include "base/aten.h"
#include "golden/oracle.h"
#include "train/impl/forward.h"
#include "train/impl/optimizer.h"

namespace qprompt {
namespace {

using namespace train;

std::vector<std::string> oracle_names() {
  return golden::read_json(golden::file("oracle.json"))
      .at("class_names")
      .get<std::vector<std::string>>();
}

at::Tensor unit(const at::Tensor& rows) { return rows / rows.norm(2, -1, true); }

/// An objective of these terms, as a row with them has it.
Objective objective_of(std::vector<TermUse> terms) {
  static int rows = 0;
  Method row = find_method("coop");
  row.word = row.label = cat("golden-", ++rows);
  row.stored_form = kOutsideForm;
  row.objective = std::move(terms);
  add_method(row);
  return make_objective(MethodOptions(row.word));
}

std::vector<at::Tensor> leaves_of(const std::vector<at::Tensor>& values) {
  std::vector<at::Tensor> leaves;
  for (const at::Tensor& value : values) leaves.push_back(value.detach().requires_grad_());
  return leaves;
}

/// Three steps of torch's SGD with the file's rates; returns the losses before them.
std::vector<double> three_steps(const Model& model, const Objective& objective,
                                const WeightStore& truth, std::vector<at::Tensor>& values,
                                const Batch& batch) {
  OptimizerOptions options;  // Dassl's: momentum 0.9, decay 5e-4
  std::vector<Moments> moments;
  for (const at::Tensor& value : values) moments.push_back(zero_moments(options, value));
  std::vector<double> losses;
  for (int64_t s = 0; s < 3; ++s) {
    const Step step = gradients_of(model, objective, leaves_of(values), batch);
    losses.push_back(step.loss);
    const at::NoGradGuard no_grad;
    for (size_t i = 0; i < values.size(); ++i) {
      optimizer_step(options, {truth.at("lr3")[s].item<double>(), s + 1}, step.gradients[i],
                     values[i], moments[i]);
    }
  }
  return losses;
}

/// After three steps: 1e-5 of the value, and 1e-3 of what the steps changed.
void expect_after(const at::Tensor& ours, const at::Tensor& after, const at::Tensor& start) {
  EXPECT_LT(golden::relative_error(ours, after), 1e-5);
  EXPECT_LT(golden::relative_error(ours - start, after - start), 1e-3);
}

TEST(GoldenObjective, KgCoOpsCosineTermAndItsThreeSteps) {
  QPROMPT_NEEDS("oracle_kgcoop.safetensors");
  QPROMPT_NEEDS_VOCABULARY();
  const WeightStore truth = read_weights(golden::file("oracle_kgcoop.safetensors"));
  const Clip clip = golden::load(golden::any_layout());
  MethodOptions options("coop");
  options.set("n-ctx", truth.metadata.at("n_ctx"));
  options.set("init", "");
  const auto learner = make_learner(clip, oracle_names(), options);
  const Model model{clip, *learner, {}, {}, unit(truth.at("reference_text_features"))};
  const Batch batch{unit(truth.at("image_features")), {}, truth.at("labels").to(at::kLong)};
  const Objective whole =
      objective_of({{"cross-entropy"}, {"cosine-text", truth.metadata.at("lambda")}});
  std::vector<at::Tensor> values{truth.at("param.ctx").clone()};
  const Step step = gradients_of(model, whole, leaves_of(values), batch);
  EXPECT_NEAR(step.loss / truth.at("loss").item<double>(), 1, 1e-4);
  EXPECT_LT(golden::relative_error(step.gradients[0], truth.at("grad.ctx")), 1e-3);
  const Step term = gradients_of(model, objective_of({{"cosine-text"}}), leaves_of(values), batch);
  EXPECT_NEAR(term.loss / truth.at("loss.kg").item<double>(), 1, 1e-4);
  const auto losses = three_steps(model, whole, truth, values, batch);
  for (int64_t s = 0; s < 3; ++s) {
    EXPECT_NEAR(losses[static_cast<size_t>(s)] / truth.at("losses3")[s].item<double>(), 1, 1e-3);
  }
  expect_after(values[0], truth.at("after3.ctx"), truth.at("param.ctx"));
}

TEST(GoldenObjective, ProGradsRuleProjectsWhereTheGradientsOppose) {
  QPROMPT_NEEDS("oracle_prograd.safetensors");
  const WeightStore truth = read_weights(golden::file("oracle_prograd.safetensors"));
  for (const auto& [name, strength] :
       {std::pair<std::string, double>{"aligned", 1}, {"conflict", 1}, {"conflict08", 0.8}}) {
    const at::Tensor followed = truth.at(name + ".grad_ce.ctx");  // (M, D)
    const Gradients gradient =
        project_rule({{followed}, {truth.at(name + ".grad_kl.ctx")}}, strength);
    EXPECT_LT(golden::relative_error(gradient[0], truth.at(name + ".grad.ctx")), 1e-5) << name;
    EXPECT_EQ(at::equal(gradient[0], followed), name == "aligned");
  }
}

TEST(GoldenObjective, ProGradsDivergenceIsItsLossButForTheEntropy) {
  QPROMPT_NEEDS("oracle_prograd.safetensors");
  const WeightStore truth = read_weights(golden::file("oracle_prograd.safetensors"));
  TermInput input;
  input.logits = truth.at("aligned.logits");
  input.labels = truth.at("aligned.labels").to(at::kLong);
  input.teacher_image = unit(truth.at("image_features"));
  input.teacher_text = unit(truth.at("reference_text_features"));
  const at::Tensor teacher = truth.at("zero_shot_logits");  // (B, C)
  input.logit_scale =
      (teacher.norm() / at::mm(input.teacher_image, input.teacher_text.t()).norm()).item<double>();
  const at::Tensor log_q = at::log_softmax(teacher, 1);  // (B, C)
  const double entropy = -(log_q.exp() * log_q).sum(1).mean().item<double>();
  const double ours = kl_term(input).item<double>() + entropy;
  EXPECT_NEAR(ours / truth.at("aligned.loss.kl").item<double>(), 1, 1e-4);
  EXPECT_NEAR(cross_entropy_term(input).item<double>() / truth.at("aligned.loss.ce").item<double>(),
              1, 1e-4);
}

/// Our names of PromptSRC's tensors, as its checkpoints call them.
std::string promptsrc_name(const std::string& ours) {
  const std::string block = ".transformer.resblocks.", row = ".VPT_shallow";
  if (ours == "ctx") return "prompt_learner.ctx";
  if (ours == "vision.0") return "image_encoder.VPT";
  if (ours.rfind("deep.", 0) == 0) return "text_encoder" + block + ours.substr(5) + row;
  return "image_encoder" + block + ours.substr(7) + row;
}

TEST(GoldenObjective, PromptSrcsFourTermsAndTheirThreeSteps) {
  QPROMPT_NEEDS("oracle_promptsrc.safetensors");
  QPROMPT_NEEDS_VOCABULARY();
  const WeightStore truth = read_weights(golden::file("oracle_promptsrc.safetensors"));
  const WeightStore oracle = read_weights(golden::file("oracle.safetensors"));
  const Clip clip = golden::load(golden::any_layout());
  MethodOptions options("ivlp");
  options.set("n-ctx", truth.metadata.at("n_ctx_text"));
  options.set("depth", truth.metadata.at("depth_text"));
  options.set("vision-ctx", truth.metadata.at("n_ctx_vision"));
  options.set("vision-depth", truth.metadata.at("depth_vision"));
  const auto learner = make_learner(clip, oracle_names(), options);
  const Model model{clip, *learner, {}, {}, unit(truth.at("frozen_text_features_mean"))};
  const Batch batch{{}, oracle.at("preprocessed"), truth.at("labels").to(at::kLong)};
  std::vector<at::Tensor> values;
  std::vector<std::string> names;
  for (const ParameterSpec& spec : learner->parameters()) {
    names.push_back(promptsrc_name(spec.name));
    values.push_back(truth.at("param." + names.back()).clone());
  }
  const std::string text = truth.metadata.at("text_loss_weight"),
                    image = truth.metadata.at("image_loss_weight");
  const std::vector<std::pair<std::string, TermUse>> terms{{"loss.ce", {"cross-entropy"}},
                                                           {"loss.text", {"l1-text", text}},
                                                           {"loss.image", {"l1-image", image}},
                                                           {"loss.logits", {"kl-elements"}}};
  std::vector<TermUse> all;
  for (const auto& [stored, use] : terms) {
    all.push_back(use);
    const double ours = gradients_of(model, objective_of({use}), leaves_of(values), batch).loss;
    EXPECT_NEAR(ours / truth.at(stored).item<double>(), 1, 1e-3) << stored;
  }
  const Objective whole = objective_of(all);
  const Step step = gradients_of(model, whole, leaves_of(values), batch);
  EXPECT_NEAR(step.loss / truth.at("loss").item<double>(), 1, 1e-4);
  for (size_t i = 0; i < names.size(); ++i) {
    EXPECT_LT(golden::relative_error(step.gradients[i], truth.at("grad." + names[i])), 1e-3)
        << names[i];
  }
  three_steps(model, whole, truth, values, batch);
  for (size_t i = 0; i < names.size(); ++i) {
    expect_after(values[i], truth.at("after3." + names[i]), truth.at("param." + names[i]));
  }
}

}  // namespace
}  // namespace qprompt
