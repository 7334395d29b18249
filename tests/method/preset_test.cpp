// Which published settings a training takes.
#include <gtest/gtest.h>

#include <algorithm>

#include "method/preset.h"

namespace qprompt {
namespace {

std::string value(const ChosenPreset& chosen, const std::string& name) {
  for (const auto& [key, text] : chosen.settings) {
    if (key == name) return text;
  }
  return "none";
}

ChosenPreset of(const std::string& word, const Situation& situation) {
  return choose_preset(find_method(word), situation);
}

TEST(Presets, TheLaterOfThoseThatHoldOverrides) {
  const Situation pets{Protocol::kBaseToNew, "oxford_pets", "ViT-B/16", "16"};
  Situation imagenet = pets;
  imagenet.dataset = "imagenet";
  EXPECT_EQ(value(of("coop", pets), "epochs"), "200");
  EXPECT_EQ(value(of("coop", imagenet), "epochs"), "50");
  EXPECT_EQ(value(of("maple", pets), "lr"), "0.0035");
  EXPECT_EQ(value(of("cocoop", pets), "batch"), "1");
  EXPECT_EQ(of("coop", imagenet).sources.size(), 2u);
  EXPECT_NE(of("coop", pets).note.find("vit_b16_ctxv1"), std::string::npos);
}

TEST(Presets, FollowTheShotsAndTheProtocol) {
  const auto few = [](const std::string& shots) {
    return of("coop", {Protocol::kFewShot, "dtd", "RN50", shots});
  };
  EXPECT_EQ(value(few("1"), "epochs"), "50");
  EXPECT_EQ(value(few("4"), "epochs"), "100");
  EXPECT_EQ(value(few("16"), "epochs"), "200");
  EXPECT_EQ(value(few("16"), "n-ctx"), "16");
  EXPECT_EQ(value(of("maple", {Protocol::kDomain, "imagenet", "ViT-B/16", "16"}), "depth"), "3");
}

TEST(Presets, TheNearestIsTakenAndSaidToBe) {
  const ChosenPreset other = of("coop", {Protocol::kBaseToNew, "dtd", "ViT-L/14", "8"});
  EXPECT_EQ(value(other, "epochs"), "200");
  EXPECT_NE(other.note.find("another backbone or number of shots"), std::string::npos);
  const ChosenPreset few = of("maple", {Protocol::kFewShot, "dtd", "ViT-B/16", "16"});
  EXPECT_EQ(value(few, "epochs"), "5");
  EXPECT_NE(few.note.find("for base-to-new"), std::string::npos);
}

TEST(Presets, AFolderOfOnesOwnTakesTheShortOne) {
  for (const std::string& word : method_words()) {
    if (!find_method(word).trained()) continue;
    const ChosenPreset own = of(word, {Protocol::kFewShot, "own", "ViT-B/16", "16"});
    EXPECT_EQ(value(own, "views"), "0") << word;
    EXPECT_EQ(own.sources.size(), 1u) << word;
  }
}

TEST(Presets, EachNamesItsSourceAndOptionsThatTheMethodOrTrainingHas) {
  const std::vector<std::string> of_training{"epochs", "batch", "lr", "views"};
  for (const std::string& word : method_words()) {
    const Method& row = find_method(word);
    EXPECT_EQ(row.presets.empty(), !row.trained() || row.stored_form == kOutsideForm) << word;
    for (const Preset& preset : row.presets) {
      EXPECT_FALSE(preset.source.empty()) << word;
      MethodOptions options(row);
      for (const auto& [name, text] : preset.settings) {
        const bool training =
            std::find(of_training.begin(), of_training.end(), name) != of_training.end();
        if (training) continue;
        EXPECT_NO_THROW(options.set(name, text)) << word;
      }
    }
  }
}

}  // namespace
}  // namespace qprompt
