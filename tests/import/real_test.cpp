// Checkpoints that torch itself wrote, and prompts with known features.
#include <ATen/ATen.h>

#include "import/importer.h"
#include "qprompt/clip.h"
#include "qprompt/weights.h"

namespace qprompt::testing {
namespace {

using testing_support::quote;
using testing_support::run_shell;
using testing_support::TempFolder;
using testing_support::tiny_oracle;

std::string oracle_folder() {
  const char* folder = std::getenv("QPROMPT_ORACLE_DIR");
  return folder == nullptr || *folder == '\0' ? tiny_oracle() : folder;
}

/// A Python that has torch; empty when there is none.
std::string python_with_torch() {
  for (const std::string python : {"/usr/bin/python3", "python3"}) {
    if (run_shell(python + " -c 'import torch'").code == 0) return python;
  }
  return "";
}

/// The ids of the class texts, as `qprompt tokenize` gives them.
Json class_ids() {
  std::vector<std::string> arguments = {"tokenize"};
  for (const std::string& word : Importer::tiny()) arguments.push_back(word);
  for (const std::string name : {"red apple", "hot-air balloon", "T-shirt"}) {
    arguments.push_back("a photo of a " + name + ".");
  }
  const RunResult r = testing_support::run(arguments);
  EXPECT_EQ(r.code, 0) << r.err;
  std::istringstream lines(r.out);
  Json ids = Json::array();
  for (std::string line; std::getline(lines, line);) ids.push_back(Json::parse(line)["ids"]);
  return ids;
}

struct Real {
  std::string run, method, trainer, first, source;
  int64_t n_ctx;
  size_t tensors;
};

void expect_real(const TempFolder& folder, const Real& real, const std::string& format) {
  const std::string run = folder / (real.run + format), out = folder / (real.run + ".qprompt");
  std::vector<std::string> arguments = {"import", run + "/prompt_learner/model.pth.tar-2", "--out",
                                        out, "--json"};
  for (const std::string& word : Importer::tiny()) arguments.push_back(word);
  if (real.run == "csc") arguments.insert(arguments.end(), {"--labels", "a,b,c", "--words", ""});
  const RunResult r = testing_support::run(arguments);
  ASSERT_EQ(r.code, 0) << real.run << format << ": " << r.err;
  const Json facts = Json::parse(r.out);
  EXPECT_EQ(facts["method"]["value"], real.method);
  EXPECT_EQ(facts["trainer"]["value"], real.trainer);
  EXPECT_EQ(facts["trainer"]["from"], run + "/log.txt");
  EXPECT_EQ(facts["n_ctx"]["value"], real.n_ctx);
  EXPECT_EQ(facts["words"]["value"], real.run == "csc" ? "" : "a photo of a");
  EXPECT_EQ(facts["seed"]["value"], 3);
  EXPECT_EQ(facts["tensors"].size(), real.tensors);
  // Embeddings in the file are this model's, so that nothing but the model's name is warned of
  // (the log says ViT-B/16, and that has the same patches).
  EXPECT_EQ(facts["warnings"].size(), 0u) << facts["warnings"];
  const TrainedPrompt prompt = read_prompt(out);
  expect_pattern(prompt, real.first, real.source);
}

TEST(RealImportTest, WhatTorchWroteComesOverFromBothFormats) {
  const std::string python = python_with_torch();
  if (python.empty()) GTEST_SKIP() << "no Python with torch (Debian: python3-torch)";
  TempFolder folder;
  const Json spec = {{"clip", tiny_oracle() + "/hf/model.safetensors"},
                     {"image_width", 192},
                     {"joint_width", 32},
                     {"ids", class_ids()}};
  testing_support::write_all(folder / "spec.json", spec.dump());
  const std::string script =
      std::string(QPROMPT_SOURCE_DIR) + "/tests/data/checkpoints/make_checkpoints.py";
  const RunResult made = run_shell(python + " " + quote(script) + " " + quote(folder.path()) + " " +
                                   quote(folder / "spec.json"));
  ASSERT_EQ(made.code, 0) << made.err;
  const Real all[] = {
      {"coop", "CoOp", "coop", "ctx", "ctx", 4, 1},
      {"csc", "CoOp", "coop", "ctx", "ctx", 4, 1},
      {"kgcoop", "CoOp", "kgcoop", "ctx", "ctx", 4, 1},
      {"prograd", "CoOp", "prograd", "ctx", "ctx", 6, 1},
      {"cocoop", "CoCoOp", "cocoop", "meta.2.bias", "meta_net.linear2.bias", 4, 5},
      {"maple", "MaPLe", "maple", "proj.1.weight", "compound_prompt_projections.0.weight", 2, 6},
      {"promptsrc", "IVLP", "promptsrc", "vision.1",
       "image_encoder.transformer.resblocks.1.VPT_shallow", 4, 4},
      {"vpt", "VPT", "vpt", "vision.0", "image_encoder.VPT", 4, 2}};
  for (const Real& real : all) {
    for (const std::string format : {"_zip", "_legacy"}) expect_real(folder, real, format);
  }
  // Without the log, the frozen words of MaPLe are recognised in its token_suffix.
  std::filesystem::remove(folder / "maple_zip/log.txt");
  std::vector<std::string> arguments = {"import",
                                        folder / "maple_zip/prompt_learner/model.pth.tar-2",
                                        "--out", folder / "maple.qprompt", "--json"};
  for (const std::string& word : Importer::tiny()) arguments.push_back(word);
  const Json facts = Json::parse(testing_support::run(arguments).out);
  EXPECT_EQ(facts["words"]["value"], "a photo of a");
  EXPECT_EQ(facts["words"]["from"], "checkpoint (token_suffix)");
  arguments.insert(arguments.end(), {"--words", "a photo of the"});
  const Json warned = Json::parse(testing_support::run(arguments).out);
  EXPECT_NE(warned["warnings"].dump().find("token_suffix"), std::string::npos);
}

/// A CLIP with a text tower of one block and any width, in OpenAI's names.
void write_clip(const std::string& path, int64_t width) {
  std::map<std::string, at::Tensor> t;
  const auto add = [&](const std::string& name, at::IntArrayRef sizes) {
    t[name] = at::full(sizes, 0.01, at::kFloat);
  };
  const auto add_tower = [&](const std::string& start, int64_t d) {
    const std::string block = start + "transformer.resblocks.0.";
    add(block + "attn.in_proj_weight", {3 * d, d});
    add(block + "attn.in_proj_bias", {3 * d});
    add(block + "attn.out_proj.weight", {d, d});
    add(block + "attn.out_proj.bias", {d});
    add(block + "mlp.c_fc.weight", {4 * d, d});
    add(block + "mlp.c_fc.bias", {4 * d});
    add(block + "mlp.c_proj.weight", {d, 4 * d});
    add(block + "mlp.c_proj.bias", {d});
    for (const std::string norm : {"ln_1", "ln_2"}) {
      add(block + norm + ".weight", {d});
      add(block + norm + ".bias", {d});
    }
  };
  add_tower("", width);
  add_tower("visual.", 64);
  for (const std::string norm : {"visual.ln_pre", "visual.ln_post"}) {
    add(norm + ".weight", {64});
    add(norm + ".bias", {64});
  }
  add("visual.class_embedding", {64});
  add("visual.positional_embedding", {5, 64});
  add("visual.conv1.weight", {64, 3, 16, 16});
  add("visual.proj", {64, 32});
  add("positional_embedding", {77, width});
  add("token_embedding.weight", {625, width});
  add("ln_final.weight", {width});
  add("ln_final.bias", {width});
  add("text_projection", {width, 32});
  t["logit_scale"] = at::scalar_tensor(4.6052, at::kFloat);
  write_safetensors(path, t, {});
}

TEST(RealImportTest, TheSampleOfCoOpsTrainerComesOver) {
  std::string sample = oracle_folder() + "/../coop_checkpoint.pth.tar";
  if (!std::filesystem::exists(sample)) {
    sample = QPROMPT_SOURCE_DIR "/../shared/oracle/coop_checkpoint.pth.tar";
  }
  if (!std::filesystem::exists(sample)) GTEST_SKIP() << "no coop_checkpoint.pth.tar";
  const at::Tensor ctx = read_weights(sample).at("state_dict.ctx");  // (M, D)
  TempFolder folder;
  write_clip(folder / "clip.safetensors", ctx.size(1));
  const RunResult r = testing_support::run({"import", sample, "--clip", folder / "clip.safetensors",
                                            "--vocab", tiny_oracle() + "/vocab.txt.gz", "--out",
                                            folder / "p.qprompt", "--words", ""});
  ASSERT_EQ(r.code, 0) << r.err;
  const TrainedPrompt prompt = read_prompt(folder / "p.qprompt");
  EXPECT_EQ(prompt.bits, 16);
  const at::Tensor stored = at::tensor(prompt.tensor("ctx").values()).view(ctx.sizes());
  EXPECT_TRUE(stored.equal(ctx.to(at::kFloat)));
}

TEST(RealImportTest, AnImportedContextHasTheOraclesTextFeatures) {
  const WeightStore oracle = read_safetensors(tiny_oracle() + "/oracle.safetensors");
  const Json names = Json::parse(slurp(tiny_oracle() + "/oracle.json"))["class_names"];
  TempFolder folder;
  std::string labels;
  for (const auto& name : names) labels += name.get<std::string>() + "\n";
  testing_support::write_all(folder / "labels.txt", labels);
  for (const std::string position : {"end", "middle", "front"}) {
    const at::Tensor ctx = oracle.at("coop_" + position + ".ctx").contiguous();  // (M, D)
    Entry entry{"ctx", {}, {}, false};
    for (const int64_t size : ctx.sizes()) entry.sizes.push_back(int32_t(size));
    entry.values.assign(ctx.data_ptr<float>(), ctx.data_ptr<float>() + ctx.numel());
    const Importer import({entry});
    import.facts({"--words", "", "--class-position", position, "--plain-bits", "32"});
    std::vector<std::string> arguments = {"encode",   "text",
                                          "--prompt", import.out(),
                                          "--labels", folder / "labels.txt",
                                          "--out",    folder / "f.safetensors"};
    for (const std::string& word : Importer::tiny()) arguments.push_back(word);
    const RunResult r = testing_support::run(arguments);
    ASSERT_EQ(r.code, 0) << r.err;
    const at::Tensor found = read_safetensors(folder / "f.safetensors").at("features");  // (C, E)
    const at::Tensor expected = oracle.at("coop_" + position + ".text_features");
    EXPECT_LT((found - expected).norm().item<double>(), 1e-4 * expected.norm().item<double>());
  }
}

}  // namespace
}  // namespace qprompt::testing
