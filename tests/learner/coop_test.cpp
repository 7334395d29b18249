#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "learner/learner.h"
#include "learner/texts.h"
#include "support/tiny_clip.h"

namespace qprompt {
namespace {

using testing_support::open_tiny_clip;

MethodOptions coop(int64_t n_ctx = 0, const std::string& words = "a photo of a",
                   ClassPosition position = ClassPosition::kEnd, bool class_specific = false) {
  MethodOptions options("coop");
  options.set("n-ctx", n_ctx);
  options.set("init", words);
  options.set("class-position", position_name(position));
  options.set("class-specific", std::string(class_specific ? "true" : "false"));
  return options;
}

TEST(CoOpTest, WithTheTokensOfTheWordsItEqualsTheHandWrittenText) {
  const Clip clip = open_tiny_clip();
  const std::vector<std::string> names{"red apple", "granny_smith", "T-shirt/top"};
  const auto learner = make_learner(clip, names, coop());
  Rng rng(1);
  const at::Tensor learned = clip.encode_text(learner->prompts(learner->initial_values(rng)));
  const at::Tensor written =
      clip.encode_text(pack_texts(clip, {"a photo of a red apple.", "a photo of a granny smith.",
                                         "a photo of a T-shirt/top."}));
  EXPECT_LT((learned - written).norm().item<double>() / written.norm().item<double>(), 1e-5);
}

TEST(CoOpTest, TheContextLengthComesFromTheWordsOrIsChecked) {
  const Clip clip = open_tiny_clip();
  EXPECT_EQ(make_learner(clip, {"a", "b"}, coop(0, "a photo of a", ClassPosition::kEnd, false))
                ->options()
                .whole("n-ctx"),
            4);
  EXPECT_EQ(make_learner(clip, {"a", "b"}, coop(0, "", ClassPosition::kEnd, false))
                ->options()
                .whole("n-ctx"),
            4);
  EXPECT_EQ(make_learner(clip, {"a", "b"}, coop(7, "", ClassPosition::kEnd, false))
                ->options()
                .whole("n-ctx"),
            7);
  try {
    make_learner(clip, {"a", "b"}, coop(3, "a photo of a", ClassPosition::kEnd, false));
    ADD_FAILURE();
  } catch (const Error& e) {
    EXPECT_EQ(e.kind(), ErrorKind::kUsage);
  }
}

TEST(CoOpTest, PositionsPutTheSameRowsInOtherPlaces) {
  const Clip clip = open_tiny_clip();
  const std::vector<std::string> names{"hot-air balloon", "ant"};
  std::vector<size_t> rows;
  for (ClassPosition position :
       {ClassPosition::kEnd, ClassPosition::kMiddle, ClassPosition::kFront}) {
    const auto learner = make_learner(clip, names, coop(4, "", position, false));
    Rng rng(2);
    const PackedPrompts packed = learner->prompts(learner->initial_values(rng));
    ASSERT_EQ(packed.classes.size(), 2u);
    // Each class's text holds every context row once, at consecutive positions from 0.
    for (size_t c = 0; c < 2; ++c) {
      std::vector<PackedRow> text(packed.rows.begin(), packed.rows.begin() + packed.prefix);
      text.insert(text.end(), packed.rows.begin() + packed.classes[c].begin,
                  packed.rows.begin() + packed.classes[c].end);
      int64_t learned = 0;
      for (size_t i = 0; i < text.size(); ++i) {
        EXPECT_EQ(text[i].position, static_cast<int64_t>(i));
        if (text[i].learned >= 0) {
          EXPECT_EQ(text[i].learned, learned++);
        }
      }
      EXPECT_EQ(learned, 4);
    }
  }
}

TEST(CoOpTest, SharedContextsShareTheirRowsAndSpecificOnesDoNot) {
  const Clip clip = open_tiny_clip();
  const std::vector<std::string> names{"red apple", "hot-air balloon"};
  EXPECT_GE(make_learner(clip, names, coop(4, "", ClassPosition::kEnd, false))
                ->prompts({at::zeros({4, clip.config().text_width})})
                .prefix,
            5);
  EXPECT_EQ(make_learner(clip, names, coop(4, "", ClassPosition::kEnd, true))
                ->prompts({at::zeros({2, 4, clip.config().text_width})})
                .prefix,
            1);
}

TEST(CoOpTest, RandomStartsDependOnTheSeedOnly) {
  const Clip clip = open_tiny_clip();
  const auto learner = make_learner(clip, {"a", "b"}, coop(8, "", ClassPosition::kEnd, false));
  Rng a(3), b(3), c(4);
  const at::Tensor first = learner->initial_values(a)[0];
  EXPECT_TRUE(at::equal(first, learner->initial_values(b)[0]));
  EXPECT_FALSE(at::equal(first, learner->initial_values(c)[0]));
  EXPECT_NEAR(first.std().item<double>(), 0.02, 0.002);
}

TEST(CoOpTest, ANameThatDoesNotFitIsNamed) {
  const Clip clip = open_tiny_clip();
  std::string longest = "x";
  for (int i = 0; i < 80; ++i) longest += " x";
  try {
    make_learner(clip, {"short", longest}, coop());
    ADD_FAILURE();
  } catch (const Error& e) {
    EXPECT_EQ(e.kind(), ErrorKind::kContent);
    EXPECT_NE(std::string(e.what()).find(longest), std::string::npos);
  }
}

TEST(CoOpTest, ValuesOfAnotherShapeAreRefused) {
  const Clip clip = open_tiny_clip();
  const auto learner = make_learner(clip, {"a", "b"}, coop());
  EXPECT_THROW(learner->prompts({at::zeros({4, 3})}), Error);
  EXPECT_THROW(learner->prompts({}), Error);
}

TEST(Templates, AreFilledWithSpacesForUnderscores) {
  EXPECT_EQ(fill_template("a photo of a {}.", "yin_yang"), "a photo of a yin yang.");
  EXPECT_EQ(fill_template("{} texture.", "bubbly"), "bubbly texture.");
  EXPECT_EQ(fill_template("my_own {} and {}", "{}_x"), "my_own {} x and {} x");
  EXPECT_THROW(fill_template("a photo", "x"), Error);
}

}  // namespace
}  // namespace qprompt
