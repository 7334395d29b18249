// `qprompt import`: checkpoints of the public trainers become prompts.
#include "import/importer.h"

namespace qprompt::testing {
namespace {

const std::vector<std::string> kWords = {"--words", "a photo of a"};
const std::vector<std::string> kRandom = {"--words", ""};

/// Stored name and the trainer's, in the order of the file.
using Names = std::vector<std::pair<std::string, std::string>>;

void expect_tensors(const TrainedPrompt& prompt, const std::string& method, const Names& names) {
  EXPECT_EQ(prompt.method, method);
  ASSERT_EQ(prompt.tensors.size(), names.size());
  for (size_t t = 0; t < names.size(); ++t) {
    EXPECT_EQ(prompt.tensors[t].name, names[t].first);
    expect_pattern(prompt, names[t].first, names[t].second);
  }
}

TEST(ImportTest, CoOpKgCoOpAndProGradLeaveAContext) {
  for (const auto format : {Format::kZip, Format::kLegacy}) {
    for (const auto& entries : {coop(), kgcoop()}) {
      const Importer import(checkpoint(entries, format));
      ASSERT_EQ(import.run(kWords).code, 0);
      expect_tensors(import.prompt(), "coop", {{"ctx", "ctx"}});
      EXPECT_EQ(import.prompt().tensors[0].shape, (std::vector<int64_t>{4, 128}));
    }
  }
}

TEST(ImportTest, CoCoOpBringsItsNet) {
  for (const auto format : {Format::kZip, Format::kLegacy}) {
    const Importer import(checkpoint(cocoop(), format));
    ASSERT_EQ(import.run(kWords).code, 0);
    expect_tensors(import.prompt(), "cocoop",
                   {{"ctx", "ctx"},
                    {"meta.1.weight", "meta_net.linear1.weight"},
                    {"meta.1.bias", "meta_net.linear1.bias"},
                    {"meta.2.weight", "meta_net.linear2.weight"},
                    {"meta.2.bias", "meta_net.linear2.bias"}});
  }
}

TEST(ImportTest, MaPLeBringsItsDeepRowsAndProjections) {
  for (const auto format : {Format::kZip, Format::kLegacy}) {
    const Importer import(checkpoint(maple(), format));
    ASSERT_EQ(import.run(kWords).code, 0);
    const std::string p = "prompt_learner.", d = p + "compound_prompt_projections.0.";
    expect_tensors(import.prompt(), "maple",
                   {{"ctx", p + "ctx"},
                    {"deep.1", p + "compound_prompts_text.0"},
                    {"proj.0.weight", p + "proj.weight"},
                    {"proj.0.bias", p + "proj.bias"},
                    {"proj.1.weight", d + "weight"},
                    {"proj.1.bias", d + "bias"}});
    EXPECT_EQ(import.prompt().depth, 2);
    EXPECT_EQ(import.prompt().n_ctx, 2);
    EXPECT_EQ(import.prompt().initial_words, "a photo of a");
  }
}

TEST(ImportTest, PromptSrcVptAndDeepTextAreToldByWhereTheirRowsAre) {
  const std::string text = "text_encoder.transformer.resblocks.1.VPT_shallow",
                    image = "image_encoder.transformer.resblocks.1.VPT_shallow";
  const Importer both(independent(true, true)), vpt(independent(false, true)),
      deep(independent(true, false));
  ASSERT_EQ(both.run(kWords).code, 0);
  expect_tensors(both.prompt(), "ivlp",
                 {{"ctx", "prompt_learner.ctx"},
                  {"deep.1", text},
                  {"vision.0", "image_encoder.VPT"},
                  {"vision.1", image}});
  ASSERT_EQ(vpt.run(kWords).code, 0);
  expect_tensors(vpt.prompt(), "vpt", {{"vision.0", "image_encoder.VPT"}, {"vision.1", image}});
  EXPECT_EQ(vpt.prompt().width, 128);  // of the text tower, though VPT has nothing there
  ASSERT_EQ(deep.run(kWords).code, 0);
  expect_tensors(deep.prompt(), "deep-text", {{"ctx", "prompt_learner.ctx"}, {"deep.1", text}});
}

TEST(ImportTest, AWholeModelWithAContextAloneIsDeepTextUnlessCoOpIsSaid) {
  const Importer import(
      {{"prompt_learner.ctx", {4, 128}}, {"text_encoder.ln_final.weight", {128}}});
  EXPECT_EQ(import.facts(kWords)["method"]["value"], "DeepText");
  EXPECT_EQ(import.facts({"--words", "a photo of a", "--method", "coop"})["method"]["value"],
            "CoOp");
}

TEST(ImportTest, WrappersPrefixesAndABareStateDictionaryAreRead) {
  for (const std::string prefix : {"module.", "model.prompt_learner.", "model.module."}) {
    std::vector<Entry> entries = coop();
    for (Entry& entry : entries) {
      entry.values = values_of(entry);
      entry.name = prefix + entry.name;
    }
    const Importer wrapped(entries);
    ASSERT_EQ(wrapped.run(kWords).code, 0) << prefix;
    expect_pattern(wrapped.prompt(), "ctx", "ctx");
  }
  Pickle pickle;
  pickle.op("}").text("ctx");
  legacy_tensor(pickle, "HalfStorage", "0", {4, 128}).op("s");
  const Importer bare(legacy_head() + pickle.stop() +
                      legacy_tail({{"0", 512, raw_values({"ctx", {4, 128}})}}));
  ASSERT_EQ(bare.run(kWords).code, 0);
  expect_pattern(bare.prompt(), "ctx", "ctx");
}

TEST(ImportTest, TheLogSaysWhatTheCheckpointDoesNot) {
  const Importer import(coop(), log_text("CoOp", "a photo of a", 4));
  const Json facts = import.facts();
  const TrainedPrompt prompt = import.prompt();
  EXPECT_EQ(prompt.initial_words, "a photo of a");
  EXPECT_EQ(prompt.position, ClassPosition::kMiddle);
  EXPECT_EQ(prompt.dataset, "OxfordPets");
  EXPECT_EQ(prompt.shots, 16);
  EXPECT_EQ(prompt.seed, 3u);
  EXPECT_EQ(prompt.half, ClassSubset::kBase);
  for (const char* name :
       {"words", "class_position", "dataset", "shots", "seed", "classes", "trainer"}) {
    EXPECT_EQ(facts[name]["from"], import.log()) << name;
  }
  EXPECT_EQ(facts["method"]["from"], "checkpoint");
  EXPECT_EQ(facts["epoch"]["value"], 50);
  EXPECT_EQ(facts["fingerprint"]["from"], "--clip");
  EXPECT_NE(import.run().out.find("middle"), std::string::npos);  // in the table too
}

TEST(ImportTest, OptionsWinOverTheLog) {
  const Importer import(coop(), log_text("CoOp", "a photo of a", 4));
  const Json facts =
      import.facts({"--words", "the photo of the", "--class-position", "front", "--dataset", "mine",
                    "--shots", "all", "--seed", "9", "--classes", "new"});
  const TrainedPrompt prompt = import.prompt();
  EXPECT_EQ(prompt.initial_words, "the photo of the");
  EXPECT_EQ(prompt.position, ClassPosition::kFront);
  EXPECT_EQ(prompt.dataset, "mine");
  EXPECT_EQ(prompt.shots, 0);
  EXPECT_EQ(prompt.seed, 9u);
  EXPECT_EQ(prompt.half, ClassSubset::kNew);
  for (const char* name : {"words", "class_position", "dataset", "shots", "seed", "classes"}) {
    EXPECT_EQ(facts[name]["from"], "option") << name;
  }
}

TEST(ImportTest, WithoutALogTheClassPositionIsAssumedWithAWarning) {
  const Importer import(coop(), log_text("CoOp", "a photo of a", 4));
  const Json facts = import.facts({"--log", "none"});
  EXPECT_EQ(facts["class_position"]["value"], "end");
  EXPECT_EQ(facts["class_position"]["from"], "assumed");
  EXPECT_NE(facts["warnings"].dump().find("--class-position"), std::string::npos);
  EXPECT_EQ(facts["words"]["from"], "not said");
  EXPECT_FALSE(facts.contains("dataset"));
}

TEST(ImportTest, PlaceholdersInTheLogAreNoWords) {
  const Importer random(coop(), log_text("CoOp", "X X X X", 4));
  EXPECT_EQ(random.facts()["words"]["value"], "");
  // ProGrad's six rows end with the words.
  const Importer prograd(coop(6), log_text("ProGrad", "X X a photo of a", 6));
  EXPECT_EQ(prograd.facts()["words"]["value"], "a photo of a");
  const Importer told(coop(6));
  EXPECT_EQ(told.facts({"--words", "a photo of a", "--method", "prograd"})["words"]["value"],
            "a photo of a");
}

TEST(ImportTest, WordsThatContradictTheContextAreRefused) {
  const Importer six(coop(6));
  const std::string message = six.refusal(2, kWords);
  EXPECT_TRUE(says(message, "'a photo of a'", "4 tokens", "6 rows", "--words"));
  const Importer maple_two(maple());
  EXPECT_TRUE(says(maple_two.refusal(2, {"--words", "a"}), "1 tokens", "2 rows"));
  const Importer logged(coop(6), log_text("CoOp", "a photo of a", 6));
  EXPECT_TRUE(says(logged.refusal(2), logged.log()));
}

TEST(ImportTest, ALogOfAnotherRunIsRefused) {
  const Importer import(coop(6), log_text("CoOp", "a photo of a", 4));
  EXPECT_TRUE(says(import.refusal(3), import.log(), "4 context rows", "has 6", "--log none"));
  const Importer trainer(coop(), log_text("MaPLe", "a photo of a", 4));
  EXPECT_TRUE(says(trainer.refusal(2), "tensors of CoOp", "said to be maple", "--method"));
  const Importer text(coop(), "hello\n");
  EXPECT_TRUE(says(text.refusal(3), text.log(), "no log of a prompt's training"));
  EXPECT_TRUE(says(text.refusal(4, {"--log", text.file("absent")}), "absent"));
}

TEST(ImportTest, AnUnknownTrainerIsToldFromTheTensors) {
  const Importer import(coop(), log_text("MyCoOp", "a photo of a", 4));
  const Json facts = import.facts();
  EXPECT_EQ(facts["method"]["value"], "CoOp");
  EXPECT_NE(facts["warnings"].dump().find("'MyCoOp'"), std::string::npos);
}

TEST(ImportTest, WordsOfADeepPromptAreAskedForUnlessAllAreLearned) {
  const Importer import(maple());
  EXPECT_TRUE(says(import.refusal(2), "MaPLe", "--words \"a photo of a\""));
  const Importer vpt(independent(false, true));
  EXPECT_TRUE(says(vpt.refusal(2), "VPT", "--words"));
  const Importer four(independent(true, true));  // as many rows as the usual words
  EXPECT_EQ(four.facts()["words"]["value"], "");
  EXPECT_EQ(import.facts(kRandom)["words"]["value"], "");
}

TEST(ImportTest, ADeepPromptsClassTokenIsAtTheEnd) {
  const Importer import(maple(), log_text("MaPLe", "a photo of a", 2));
  EXPECT_EQ(import.facts()["class_position"]["value"], "end");
  std::filesystem::remove(import.out());
  EXPECT_TRUE(says(import.refusal(3, {"--class-position", "front"}), "is not 'end'"));
}

TEST(ImportTest, AContextForEachClassNeedsTheNamesOfAllClasses) {
  const Importer import(class_specific());
  EXPECT_TRUE(says(import.refusal(2, kRandom), "3 classes", "--labels gives none"));
  EXPECT_TRUE(says(import.refusal(2, {"--words", "", "--labels", "a,b"}), "gives 2"));
  import.facts({"--words", "", "--labels", "red bag,cat,dog"});
  const TrainedPrompt prompt = import.prompt();
  EXPECT_TRUE(prompt.bound_to_classes());
  EXPECT_EQ(prompt.class_names, (std::vector<std::string>{"red bag", "cat", "dog"}));
  EXPECT_EQ(prompt.tensors[0].shape, (std::vector<int64_t>{3, 2, 128}));
}

TEST(ImportTest, DerivedTensorsAreLeftOutAndUnknownOnesNamed) {
  std::vector<Entry> entries = kgcoop();
  entries.push_back({"token_midfix", {3, 1, 128}});
  const Json silent = Importer(entries).facts(kWords);
  EXPECT_EQ(silent["warnings"].dump().find("nothing is known"), std::string::npos);
  entries.push_back({"cls_token", {3, 128}});
  entries.push_back({"adapter.weight", {4, 4}});
  const Json facts = Importer(entries).facts(kWords);
  EXPECT_NE(facts["warnings"].dump().find("'adapter.weight', 'cls_token'"), std::string::npos);
  EXPECT_EQ(facts["tensors"].size(), 1u);
}

TEST(ImportTest, AnotherClipThanTheCheckpointsIsRefusedByItsWidths) {
  const Importer context(std::vector<Entry>{{"ctx", {4, 512}}});
  EXPECT_TRUE(says(context.refusal(3, kWords), "width of 'ctx' is 512", "is 128", "--clip"));
  std::vector<Entry> entries = maple();
  entries[1].sizes = {768, 128};
  entries[2].sizes = {768};
  EXPECT_TRUE(says(Importer(entries).refusal(3, kWords), "768", "image tower's width", "192"));
  entries = cocoop();
  entries[3].sizes = {2, 64};
  EXPECT_TRUE(says(Importer(entries).refusal(3, kWords), "64", "joint width", "32"));
  entries = independent(true, true);
  entries.push_back({"image_encoder.transformer.resblocks.2.VPT_shallow", {4, 192}});
  EXPECT_TRUE(says(Importer(entries).refusal(3, kWords), "image tower is 3", "is 2"));
  entries = independent(true, true);
  entries.push_back({"text_encoder.transformer.resblocks.2.VPT_shallow", {4, 128}});
  EXPECT_TRUE(says(Importer(entries).refusal(3, kWords), "depth is 3", "is 2"));
}

TEST(ImportTest, EmbeddingsOfAnotherModelAreWarnedOf) {
  const Json facts = Importer(coop()).facts(kWords);
  EXPECT_NE(facts["warnings"].dump().find("token_prefix"), std::string::npos);
}

TEST(ImportTest, TensorsThatAreMissingOrMisshapenAreNamed) {
  std::vector<Entry> entries = maple();
  entries.erase(entries.begin() + 4);
  EXPECT_TRUE(says(Importer(entries).refusal(3, kWords),
                   "lacks the tensor 'compound_prompt_projections.0.weight'"));
  entries = maple();
  entries[3].name = "prompt_learner.compound_prompts_text.1";
  EXPECT_TRUE(says(Importer(entries).refusal(3, kWords), "compound_prompts_text 0 is missing"));
  entries = maple();
  entries[3].sizes = {3, 128};
  EXPECT_TRUE(says(Importer(entries).refusal(3, kWords), "'deep.1' is 3 x 128", "2 x 128"));
  EXPECT_TRUE(
      says(Importer(std::vector<Entry>{{"ctx", {128}}}).refusal(3, kWords), "'ctx'", "axes"));
  EXPECT_TRUE(says(Importer(std::vector<Entry>{{"fc.weight", {3, 3}}}).refusal(3, kWords),
                   "no learned prompt that is known", "'fc.weight'"));
}

TEST(ImportTest, AMethodThatTheTensorsContradictIsRefused) {
  const Importer import(cocoop());
  const auto message = import.refusal(2, {"--words", "a photo of a", "--method", "maple"});
  EXPECT_TRUE(says(message, "tensors of CoCoOp", "said to be maple"));
  EXPECT_EQ(import.run({"--method", "cocoop", "--words", "a photo of a"}).code, 0);
  EXPECT_EQ(import.run({"--method", "nothing"}).code, 2);
}

TEST(ImportTest, SinglePrecisionIsStoredAsPlainBitsSays) {
  std::vector<Entry> entries = coop();
  entries[0].half = false;
  entries[0].values = pattern("ctx", 512);
  entries[0].values[7] = 0.1f;  // no half
  const Importer import(entries);
  EXPECT_EQ(import.facts(kWords)["bits"]["value"], 16);
  EXPECT_EQ(import.prompt().tensors[0].plain[7], from_half(to_half(0.1f)));
  EXPECT_EQ(import.facts({"--words", "", "--plain-bits", "32"})["bits"]["value"], 32);
  EXPECT_EQ(import.prompt().tensors[0].plain[7], 0.1f);
  EXPECT_EQ(import.run({"--words", "", "--plain-bits", "8"}).code, 2);
  entries[0].half = true;  // has its 16 bits already
  EXPECT_EQ(Importer(entries).facts({"--words", "", "--plain-bits", "32"})["bits"]["value"], 16);
}

TEST(ImportTest, ValuesThatCannotBeStoredAreRefused) {
  std::vector<Entry> entries = coop();
  entries[0].half = false;
  entries[0].values = pattern("ctx", 512);
  entries[0].values[3] = 70000.f;
  EXPECT_TRUE(says(Importer(entries).refusal(3, kWords), "'ctx' holds 70000", "--plain-bits 32"));
  entries[0].values[3] = NAN;
  EXPECT_TRUE(says(Importer(entries).refusal(3, kWords), "'ctx' holds nan"));
}

TEST(ImportTest, TheSameCheckpointGivesTheSameBytesFromBothFormats) {
  const Importer zip(checkpoint(maple(), Format::kZip)),
      legacy(checkpoint(maple(), Format::kLegacy));
  ASSERT_EQ(zip.run(kWords).code, 0);
  ASSERT_EQ(legacy.run(kWords).code, 0);
  EXPECT_EQ(slurp(zip.out()), slurp(legacy.out()));
}

TEST(ImportTest, QuantizeShrinksAnImportedPromptAndLeavesBiasesAt16Bits) {
  for (const auto& [entries, bits] :
       {std::pair{maple(), 4}, {cocoop(), 2}, {independent(true, true), 1}}) {
    const Importer import(entries);
    ASSERT_EQ(import.run({"--words", "a photo of a", "--plain-bits", "32"}).code, 0);
    const std::string small = import.file("small.qprompt");
    const RunResult r = testing_support::run(
        {"quantize", import.out(), "--bits", std::to_string(bits), "--out", small});
    ASSERT_EQ(r.code, 0) << r.err;
    const TrainedPrompt prompt = read_prompt(small), before = import.prompt();
    EXPECT_EQ(prompt.bits, bits);
    for (size_t t = 0; t < prompt.tensors.size(); ++t) {
      const std::string& name = prompt.tensors[t].name;
      const bool bias = name.find(".bias") != std::string::npos;
      EXPECT_EQ(prompt.tensors[t].bits, bias ? 16 : bits) << name;
      EXPECT_EQ(prompt.tensors[t].values() == before.tensors[t].values(), bias) << name;
    }
    EXPECT_LT(prompt.payload_bytes(), before.payload_bytes() / 3);
  }
}

TEST(ImportTest, HostileAndDamagedCheckpointsEndWithThree) {
  Pickle call;
  call.op("}").text("state_dict").global("os", "system").op("(").text("touch ran").op("tRs");
  EXPECT_TRUE(says(Importer(archive(call.stop())).refusal(3, kWords), "'os.system'"));
  EXPECT_TRUE(says(Importer(legacy_head() + call.stop() + legacy_tail({})).refusal(3, kWords),
                   "'os.system'"));
  const std::string whole = checkpoint(coop(), Format::kLegacy);
  EXPECT_TRUE(says(Importer(whole.substr(0, whole.size() - 1)).refusal(3, kWords), "has only"));
  EXPECT_TRUE(says(Importer(std::string("no checkpoint")).refusal(3, kWords), "neither"));
  for (size_t frozen : {size_t{1}, size_t{2}}) {  // token_prefix and token_suffix of no class
    std::vector<Entry> entries = coop();
    entries.at(frozen).sizes[0] = 0;
    entries.at(frozen).values.clear();
    const RunResult r = Importer(entries).run(kWords);
    EXPECT_TRUE(r.code == 0 || r.code == 3) << entries.at(frozen).name << ": " << r.err;
  }
  const Importer absent(coop());
  EXPECT_EQ(testing_support::run({"import", absent.file("none"), "--clip",
                                  testing_support::tiny_oracle() + "/hf", "--out", absent.out()})
                .code,
            4);
}

}  // namespace
}  // namespace qprompt::testing
