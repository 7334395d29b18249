// Every known data set from its files to its scores: loaded, sampled, learned from, scored.
#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include "dataset/impl/catalogue.h"
#include "dataset/impl/readers.h"
#include "qprompt/eval.h"
#include "qprompt/train.h"
#include "support/miniatures.h"
#include "support/pictures.h"
#include "support/tiny_clip.h"

namespace qprompt {
namespace {

using namespace testing_support;

constexpr int64_t kShots = 2;

/// What a miniature holds: class names, sizes of the lists, and their ends as "path label". The
/// order of lists that are split here is CPython's, by CoOp's rules.
struct Expected {
  std::string config, class_names;
  size_t train, val, test;
  std::string first_train, last_train, first_test, last_test;
};
void PrintTo(const Expected& set, std::ostream* out) { *out << set.config; }

const std::vector<Expected>& expected_sets() {
  static const std::vector<Expected> kSets = {
      {"imagenet", "tench, goldfish, great white shark, missile", 12, 0, 4,
       "train/n01440764/a.JPEG 0", "train/n03773504/c.JPEG 3", "val/n01440764/v.JPEG 0",
       "val/n03773504/v.JPEG 3"},
      {"caltech101", "face, accordion, airplane", 6, 3, 3, "Faces/03.jpg 0", "airplanes/02.jpg 2",
       "Faces/01.jpg 0", "airplanes/03.jpg 2"},
      {"oxford_pets", "american_bulldog, pug", 8, 2, 2, "Pug_4.jpg 1", "american_bulldog_4.jpg 0",
       "american_bulldog_9.jpg 0", "Pug_9.jpg 1"},
      {"stanford_cars", "2000 AM General Hummer SUV, 2012 Acura RL", 8, 2, 2,
       "cars_train/00008.jpg 0", "cars_train/00007.jpg 1", "cars_test/00001.jpg 1",
       "cars_test/00002.jpg 0"},
      {"oxford_flowers", "pink primrose, hard-leaved pocket orchid", 4, 2, 4, "image_00005.jpg 1",
       "image_00006.jpg 0", "image_00001.jpg 1", "image_00008.jpg 0"},
      {"food101", "apple_pie, ramen", 4, 2, 2, "apple_pie/03.jpg 0", "ramen/01.jpg 1",
       "apple_pie/01.jpg 0", "ramen/02.jpg 1"},
      {"fgvc_aircraft", "707-320, Boeing 717, Yak-42", 6, 1, 3, "1025794.jpg 0", "6.jpg 2",
       "2.jpg 2", "7.jpg 1"},
      {"sun397", "abbey, indoor bow_window", 8, 2, 2, "b/bow_window/indoor/3.jpg 1",
       "a/abbey/3.jpg 0", "b/bow_window/indoor/9.jpg 1", "a/abbey/9.jpg 0"},
      {"dtd", "banded, dotted", 4, 2, 2, "banded/03.jpg 0", "dotted/01.jpg 1", "banded/01.jpg 0",
       "dotted/02.jpg 1"},
      {"eurosat", "Annual Crop Land, Forest", 5, 2, 4, "AnnualCrop/2.jpg 0", "Forest/2.jpg 1",
       "AnnualCrop/0.jpg 0", "Forest/3.jpg 1"},
      {"ucf101", "Apply_Eye_Makeup, Yo_Yo", 8, 2, 2,
       "Apply_Eye_Makeup/v_ApplyEyeMakeup_g04_c01.jpg 0", "Yo_Yo/v_YoYo_g04_c01.jpg 1",
       "Apply_Eye_Makeup/v_ApplyEyeMakeup_g09_c01.jpg 0", "Yo_Yo/v_YoYo_g09_c01.jpg 1"},
      {"imagenetv2", "tench, goldfish, great white shark, missile", 0, 0, 8, "", "", "0/w.jpeg 0",
       "3/x.jpeg 3"},
      {"imagenet_sketch", "tench, goldfish, great white shark, missile", 0, 0, 4, "", "",
       "n01440764/s.JPEG 0", "n03773504/s.JPEG 3"},
      {"imagenet_a", "goldfish, missile", 0, 0, 2, "", "", "n01443537/x.jpg 0",
       "n03773504/x.jpg 1"},
      {"imagenet_r", "goldfish, missile", 0, 0, 2, "", "", "n01443537/x.png 0",
       "n03773504/x.png 1"},
  };
  return kSets;
}

std::vector<Expected> sets_with_split_file() {
  std::vector<Expected> out;
  for (const Expected& set : expected_sets()) {
    if (!dataset::find_known(set.config)->split_file.empty()) out.push_back(set);
  }
  return out;
}

std::string shown(const Item& item) { return cat(item.path, " ", item.label); }
std::string first_of(const std::vector<Item>& items) {
  return items.empty() ? "" : shown(items.front());
}
std::string last_of(const std::vector<Item>& items) {
  return items.empty() ? "" : shown(items.back());
}
std::vector<std::string> all_of(const std::vector<Item>& items) {
  std::vector<std::string> out;
  for (const Item& item : items) out.push_back(shown(item));
  return out;
}
std::vector<size_t> count_labels(const std::vector<Item>& items, size_t classes) {
  std::vector<size_t> counts(classes);
  for (const Item& item : items) ++counts.at(static_cast<size_t>(item.label));
  return counts;
}

void expect_items(const Split& split, const Expected& expected) {
  std::string names;
  for (const auto& name : split.class_names) names += (names.empty() ? "" : ", ") + name;
  EXPECT_EQ(names, expected.class_names);
  EXPECT_EQ(split.name, find_dataset(expected.config)->name);
  EXPECT_EQ(split.train.size(), expected.train);
  EXPECT_EQ(split.val.size(), expected.val);
  EXPECT_EQ(split.test.size(), expected.test);
  EXPECT_EQ(first_of(split.train), expected.first_train);
  EXPECT_EQ(last_of(split.train), expected.last_train);
  EXPECT_EQ(first_of(split.test), expected.first_test);
  EXPECT_EQ(last_of(split.test), expected.last_test);
}

/// So many images of every class, all different, and all of the list that was drawn from.
void expect_draw(const Split& drawn, const Split& source) {
  const size_t classes = source.class_names.size();
  EXPECT_EQ(count_labels(drawn.train, classes), std::vector<size_t>(classes, kShots));
  std::vector<size_t> few = count_labels(source.val, classes);
  for (size_t& count : few) count = std::min<size_t>(count, kShots);
  EXPECT_EQ(count_labels(drawn.val, classes), few);
  const auto whole = all_of(source.train), part = all_of(drawn.train);
  EXPECT_EQ(std::set<std::string>(part.begin(), part.end()).size(), part.size());
  for (const auto& item : part) {
    EXPECT_NE(std::find(whole.begin(), whole.end(), item), whole.end()) << item;
  }
  EXPECT_EQ(all_of(drawn.test), all_of(source.test));
}

class MiniatureTest : public ::testing::TestWithParam<Expected> {
 protected:
  static void SetUpTestSuite() { clip_ = std::make_unique<Clip>(open_tiny_clip()); }
  static void TearDownTestSuite() { clip_.reset(); }
  void SetUp() override {
    features_.cache = "none";
    write(GetParam().config);
    if (find_dataset(GetParam().config)->test_only) write("imagenet");  // beside its variants
  }

  void write(const std::string& config) { Miniatures(folder_, picture_of).write(config); }
  Split load(const std::string& config) {
    return load_split({folder_.path(), config, 1, true, ""}, log_);
  }

  TestSet open(const Split& split, Half half) {
    return open_test_set(*clip_, split, half, features_, log_);
  }

  /// Scores of the test list that can be right: of every image once, with labels of the set.
  void expect_sound(const Score& score, const TestSet& test) {
    const auto classes = static_cast<int64_t>(test.split.class_names.size());
    EXPECT_EQ(score.failed, 0);
    ASSERT_EQ(score.total, static_cast<int64_t>(test.split.test.size()));
    ASSERT_EQ(score.predictions.size(), test.split.test.size());
    ASSERT_EQ(score.classes.size(), test.split.class_names.size());
    int64_t correct = 0;
    for (size_t i = 0; i < score.predictions.size(); ++i) {
      EXPECT_GE(score.predictions[i], 0);
      EXPECT_LT(score.predictions[i], classes);
      correct += score.predictions[i] == test.split.test[i].label;
    }
    EXPECT_EQ(score.correct, correct);
    EXPECT_DOUBLE_EQ(score.accuracy(), 100.0 * double(correct) / double(score.total));
  }

  /// The same images one by one, through the classifier.
  void expect_answers_of(const Classifier& classifier, const Score& score, const TestSet& test) {
    for (size_t i = 0; i < test.split.test.size(); ++i) {
      const std::string path = test.split.image_root + "/" + test.split.test[i].path;
      EXPECT_EQ(score.predictions[i], classifier.classify_file(path, 1, {}).at(0).label) << path;
    }
  }

  /// Base and new test images, each among their own classes.
  void expect_halves_scored(const Split& split) {
    size_t images = 0, classes = 0;
    for (const Half half : {Half::kBase, Half::kNew}) {
      const TestSet test = open(split, half);
      expect_sound(score_templates(*clip_, {default_template(split.name)}, test), test);
      images += test.split.test.size();
      classes += test.split.class_names.size();
    }
    EXPECT_EQ(images, split.test.size());
    EXPECT_EQ(classes, split.class_names.size());
  }

  static std::unique_ptr<Clip> clip_;
  TempFolder folder_;
  FeatureOptions features_;
  Log log_;
};
std::unique_ptr<Clip> MiniatureTest::clip_;

TEST_P(MiniatureTest, IsLoadedSampledLearnedFromAndScored) {
  const std::string config = GetParam().config, text = default_template(config);
  const Split split = load(config);
  expect_items(split, GetParam());
  const Split source = split.test_only ? load("imagenet") : split;
  if (split.test_only) {
    EXPECT_THROW(draw_few_shot(split, kShots, 1, log_), Error);
  }
  const Split drawn = draw_few_shot(source, kShots, 1, log_);
  expect_draw(drawn, source);

  const TestSet test = open(split, Half::kAll);
  const Score zero_shot = score_templates(*clip_, {text}, test);
  expect_sound(zero_shot, test);
  expect_answers_of(Classifier(*clip_, std::vector<std::string>{text}, split.class_names),
                    zero_shot, test);

  FitOptions fit;
  fit.train.epochs = 1;
  fit.train.batch = 2;
  fit.train.quantizer.bits = 1;
  fit.features = features_;
  fit.shots = kShots;
  const FitResult learned = fit_prompt(*clip_, drawn, fit, log_);
  const Score score = score_prompt(*clip_, learned.prompt, test);
  expect_sound(score, test);
  expect_answers_of(Classifier(*clip_, learned.prompt, split.class_names), score, test);
  expect_halves_scored(split);
}

std::string name_of(const ::testing::TestParamInfo<Expected>& info) { return info.param.config; }

INSTANTIATE_TEST_SUITE_P(Every, MiniatureTest, ::testing::ValuesIn(expected_sets()), name_of);

TEST(MiniatureSets, AreAllThatAreKnown) {
  ASSERT_EQ(expected_sets().size(), known_datasets().size());
  for (size_t i = 0; i < known_datasets().size(); ++i) {
    EXPECT_EQ(expected_sets()[i].config, known_datasets()[i].config);
  }
}

/// With the published split file beside the same images: its lists, in its order.
class PublishedSplitTest : public MiniatureTest {};

TEST_P(PublishedSplitTest, IsReadInPlaceOfTheAnnotationsAndScored) {
  const std::string config = GetParam().config;
  Split split = load(config);
  EXPECT_FALSE(split.published_split);
  std::reverse(split.test.begin(), split.test.end());
  write_all(split.folder + "/" + dataset::find_known(config)->split_file,
            dataset::split_json(split));
  const Split published = load(config);
  EXPECT_TRUE(published.published_split);
  EXPECT_EQ(published.class_names, split.class_names);
  EXPECT_EQ(all_of(published.train), all_of(split.train));
  EXPECT_EQ(all_of(published.val), all_of(split.val));
  EXPECT_EQ(all_of(published.test), all_of(split.test));
  EXPECT_EQ(draw_few_shot(published, kShots, 1, log_).train.size(),
            kShots * published.class_names.size());
  const TestSet test = open(published, Half::kAll);
  expect_sound(score_templates(*clip_, {default_template(config)}, test), test);
}

INSTANTIATE_TEST_SUITE_P(Every, PublishedSplitTest, ::testing::ValuesIn(sets_with_split_file()),
                         name_of);

}  // namespace
}  // namespace qprompt
