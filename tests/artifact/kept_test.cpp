// One file of each kind and format version, kept for ever: what was written once stays readable,
// and the same prompt gives the same bytes.
#include <gtest/gtest.h>

#include "artifact/method_examples.h"
#include "artifact/same.h"
#include "qprompt/artifact.h"

namespace qprompt {
namespace {

void expect_kept(const std::string& file, const TrainedPrompt& prompt) {
  const std::string path = std::string(QPROMPT_SOURCE_DIR) + "/tests/data/artifacts/" + file;
  expect_same(read_prompt(path), prompt);
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

}  // namespace
}  // namespace qprompt
