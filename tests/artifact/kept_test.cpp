// One file of each kind and format version, kept for ever: what was written once stays readable,
// and the same prompt gives the same bytes of the newest version.
#include <gtest/gtest.h>

#include "artifact/method_examples.h"
#include "artifact/same.h"
#include "qprompt/artifact.h"

namespace qprompt {
namespace {

void expect_kept(const std::string& file, const TrainedPrompt& prompt) {
  const std::string path = std::string(QPROMPT_SOURCE_DIR) + "/tests/data/artifacts/" + file;
  expect_same(read_prompt(path), prompt);
  if (file.rfind("v1_", 0) == 0) return;  // the version that is read, and written no more
  EXPECT_EQ(read_file(path, 1 << 20), encode_prompt(prompt)) << file;
}

TEST(KeptArtifacts, VersionOneWithOneBit) { expect_kept("v1_1bit.qprompt", examples::prompt(1)); }

TEST(KeptArtifacts, VersionOneWithFourBits) { expect_kept("v1_4bit.qprompt", examples::prompt(4)); }

TEST(KeptArtifacts, VersionOneWithSixteenBits) {
  expect_kept("v1_16bit.qprompt", examples::prompt(16));
}

TEST(KeptArtifacts, VersionOneOfAClassSpecificContext) {
  expect_kept("v1_class_specific.qprompt", examples::class_specific());
}

TEST(KeptArtifacts, VersionOneOfCoCoOp) { expect_kept("v1_cocoop.qprompt", examples::cocoop()); }

TEST(KeptArtifacts, VersionOneOfMaPLe) { expect_kept("v1_maple.qprompt", examples::maple()); }

TEST(KeptArtifacts, VersionOneOfIvlp) { expect_kept("v1_ivlp.qprompt", examples::ivlp()); }

TEST(KeptArtifacts, VersionOneOfVpt) { expect_kept("v1_vpt.qprompt", examples::vpt()); }

TEST(KeptArtifacts, VersionOneOfDeepText) {
  expect_kept("v1_deep_text.qprompt", examples::deep_text());
}

TEST(KeptArtifacts, VersionTwoWithOneBit) { expect_kept("v2_1bit.qprompt", examples::prompt(1)); }

TEST(KeptArtifacts, VersionTwoWithFourBits) { expect_kept("v2_4bit.qprompt", examples::prompt(4)); }

TEST(KeptArtifacts, VersionTwoWithSixteenBits) {
  expect_kept("v2_16bit.qprompt", examples::prompt(16));
}

TEST(KeptArtifacts, VersionTwoOfAClassSpecificContext) {
  expect_kept("v2_class_specific.qprompt", examples::class_specific());
}

TEST(KeptArtifacts, VersionTwoOfCoCoOp) { expect_kept("v2_cocoop.qprompt", examples::cocoop()); }

TEST(KeptArtifacts, VersionTwoOfMaPLe) { expect_kept("v2_maple.qprompt", examples::maple()); }

TEST(KeptArtifacts, VersionTwoOfIvlp) { expect_kept("v2_ivlp.qprompt", examples::ivlp()); }

TEST(KeptArtifacts, VersionTwoOfVpt) { expect_kept("v2_vpt.qprompt", examples::vpt()); }

TEST(KeptArtifacts, VersionTwoOfDeepText) {
  expect_kept("v2_deep_text.qprompt", examples::deep_text());
}

/// Everything that a file can say, most of which no method needs yet.
TrainedPrompt everything() {
  TrainedPrompt prompt = examples::ivlp();
  prompt.unseen = Unseen::kZeroShot;
  prompt.temperature = 62.5F;
  prompt.class_names = {"cat", "dog"};
  prompt.features = {3, {0.5F, -1, 2, 0.25F, 0, 1}, {1, 0}};
  prompt.base_model = "ViT-B/16";
  prompt.others = {{0x90, "later"}};
  return prompt;
}

TEST(KeptArtifacts, VersionTwoWithEverySection) {
  expect_kept("v2_every_section.qprompt", everything());
}

}  // namespace
}  // namespace qprompt
