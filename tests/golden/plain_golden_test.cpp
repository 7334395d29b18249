// The plain CLIP, the tests' second truth and the benchmarks' baseline, against the reference.
#include "golden/oracle.h"
#include "plain_baseline.h"

namespace qprompt {
namespace {

using golden::file;
using golden::relative_error;

constexpr double kFeatureTolerance = 1e-4;

TEST(GoldenPlain, ThePlainModelGivesTheReferencesFeatures) {
  QPROMPT_NEEDS("oracle.safetensors");
  const testing_support::TempFolder scratch;
  const auto layouts = golden::quick_gelu_layouts(scratch);
  ASSERT_FALSE(layouts.empty());
  const WeightStore state = read_weights(layouts.front().path);  // OpenAI's names
  if (!state.contains("visual.conv1.weight") || !state.contains("visual.proj")) {
    GTEST_SKIP() << layouts.front().path << " is no ViT with OpenAI's names";
  }
  const WeightStore oracle = read_weights(file("oracle.safetensors"));
  plain::PlainBaseline clip(state.tensors, true);
  EXPECT_LT(
      relative_error(clip.encode_image(oracle.at("preprocessed")), oracle.at("image_features")),
      kFeatureTolerance);
  EXPECT_LT(relative_error(clip.encode_text(oracle.at("tokens").to(at::kLong)),
                           oracle.at("text_features")),
            kFeatureTolerance);
}

TEST(RelativeError, AReferenceOfZerosIsMetByZerosAlone) {
  const at::Tensor zeros = at::zeros({3});
  EXPECT_EQ(relative_error(zeros, zeros), 0);
  EXPECT_GT(relative_error(at::full({3}, 1e-12), zeros), 1);
  EXPECT_NEAR(relative_error(at::full({3}, 1.1), at::ones({3})), 0.1, 1e-6);
}

}  // namespace
}  // namespace qprompt
