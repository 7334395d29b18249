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

/// A trainer's tensor with the oracle's values, in single precision.
Entry oracle_entry(const WeightStore& oracle, const std::string& from, const std::string& name) {
  const at::Tensor values = oracle.at(from).contiguous();
  Entry entry{name, {}, {}, false};
  for (const int64_t size : values.sizes()) entry.sizes.push_back(int32_t(size));
  entry.values.assign(values.data_ptr<float>(), values.data_ptr<float>() + values.numel());
  return entry;
}

/// The tiny oracle's classes and pictures, and what an imported prompt makes of them.
class Oracle {
 public:
  Oracle() {
    const Json json = Json::parse(slurp(tiny_oracle() + "/oracle.json"));
    std::string labels;
    for (const auto& name : json["class_names"]) {
      names_.push_back(name);
      labels += names_.back() + "\n";
    }
    for (const auto& image : json["images"]) {
      images_.push_back(tiny_oracle() + "/images/" + image.get<std::string>());
    }
    testing_support::write_all(folder_ / "labels.txt", labels);
  }

  /// (C, E)
  at::Tensor text_features(const Importer& import) const {
    const std::string out = folder_ / "f.safetensors";
    run({"encode", "text", "--prompt", import.out(), "--out", out});
    return read_safetensors(out).at("features");
  }
  /// (B, C)
  at::Tensor probabilities(const Importer& import) const {
    std::vector<std::string> arguments = {"classify", "--prompt", import.out(),
                                          "--json",   "--top",    std::to_string(names_.size())};
    arguments.insert(arguments.end(), images_.begin(), images_.end());
    std::istringstream lines(run(arguments));
    at::Tensor out = at::zeros({int64_t(images_.size()), int64_t(names_.size())});
    for (int64_t b = 0; b < out.size(0); ++b) {
      std::string line;
      std::getline(lines, line);
      const Json answers = Json::parse(line)["predictions"];
      for (const Json& answer : answers) {
        out[b][answer["label"].get<int64_t>()] = answer["probability"].get<double>();
      }
    }
    return out;
  }

 private:
  std::string run(std::vector<std::string> arguments) const {
    arguments.insert(arguments.end(), {"--labels", folder_ / "labels.txt"});
    for (const std::string& word : Importer::tiny()) arguments.push_back(word);
    const RunResult r = testing_support::run(arguments);
    EXPECT_EQ(r.code, 0) << r.err;
    return r.out;
  }

  TempFolder folder_;
  std::vector<std::string> names_, images_;
};

void expect_near(const at::Tensor& found, const at::Tensor& expected, double relative) {
  ASSERT_EQ(found.sizes(), expected.sizes());
  EXPECT_LT((found - expected).norm().item<double>(), relative * expected.norm().item<double>());
}

TEST(RealImportTest, AnImportedContextHasTheOraclesTextFeatures) {
  const WeightStore store = read_safetensors(tiny_oracle() + "/oracle.safetensors");
  const Oracle oracle;
  for (const std::string position : {"end", "middle", "front"}) {
    const std::string name = "coop_" + position;
    const Importer import({oracle_entry(store, name + ".ctx", "ctx")});
    import.facts({"--words", "", "--class-position", position, "--plain-bits", "32"});
    expect_near(oracle.text_features(import), store.at(name + ".text_features"), 1e-4);
  }
}

TEST(RealImportTest, AnImportedMaPLeScoresAsTheOraclesDoes) {
  const WeightStore store = read_safetensors(tiny_oracle() + "/oracle_maple.safetensors");
  std::vector<Entry> entries;
  for (const auto& [name, tensor] : store.tensors) {
    if (name.rfind("param.", 0) == 0) entries.push_back(oracle_entry(store, name, name.substr(6)));
  }
  const Importer import(entries);
  import.facts({"--words", "a photo of a", "--plain-bits", "32"});
  const Oracle oracle;
  expect_near(oracle.text_features(import), store.at("text_features"), 1e-4);
  expect_near(oracle.probabilities(import), store.at("logits").softmax(1), 1e-2);
}

TEST(RealImportTest, AnImportedCoCoOpScoresAsTheOraclesDoes) {
  const WeightStore store = read_safetensors(tiny_oracle() + "/oracle.safetensors");
  std::vector<Entry> entries;
  for (const std::string name : {"ctx", "meta_net.linear1.weight", "meta_net.linear1.bias",
                                 "meta_net.linear2.weight", "meta_net.linear2.bias"}) {
    entries.push_back(oracle_entry(store, "cocoop." + name, name));
  }
  const Importer import(entries);
  import.facts({"--words", "a photo of a", "--plain-bits", "32"});
  expect_near(Oracle().probabilities(import), store.at("cocoop.logits").softmax(1), 1e-2);
}

}  // namespace
}  // namespace qprompt::testing
