#include "dataset/impl/readers.h"
#include "dataset/test_splits.h"

namespace qprompt {
namespace {

using namespace testing;
using Paths = std::vector<std::string>;

/// A split whose classes have these numbers of training and validation images.
Split sized(const std::vector<int>& train, const std::vector<int>& val) {
  Split split;
  split.name = "made up";
  for (size_t c = 0; c < train.size(); ++c) {
    split.class_names.push_back("class" + std::to_string(c));
    for (int i = 0; i < train[c]; ++i) {
      split.train.push_back({cat("t", c, "_", i), static_cast<int64_t>(c)});
    }
    for (int i = 0; i < val[c]; ++i) {
      split.val.push_back({cat("v", c, "_", i), static_cast<int64_t>(c)});
    }
    split.test.push_back({cat("e", c), static_cast<int64_t>(c)});
  }
  return split;
}

TEST(FewShot, KeptDrawsOfOxfordFlowersAreReproducedItemByItem) {
  const json kept =
      json::parse(read_all(QPROMPT_SOURCE_DIR "/tests/data/few_shot/oxford_flowers.json"));
  Split split;
  split.class_names.resize(102, "flower");
  const auto fill = [](const json& runs, std::vector<Item>& items) {
    for (const auto& run : runs) {
      for (int i = 0; i < run[1].get<int>(); ++i) {
        items.push_back({std::to_string(items.size()), run[0].get<int64_t>()});
      }
    }
  };
  fill(kept["labels"]["train"], split.train);
  fill(kept["labels"]["val"], split.val);
  ASSERT_EQ(split.train.size(), 4093u);
  for (const auto& draw : kept["draws"]) {
    Log log;
    const Split drawn =
        draw_few_shot(split, draw["shots"].get<int64_t>(), draw["seed"].get<uint64_t>(), log);
    const auto positions = [](const json& list) {
      Paths out;
      for (const auto& position : list) out.push_back(std::to_string(position.get<int64_t>()));
      return out;
    };
    EXPECT_EQ(paths(drawn.train), positions(draw["train"])) << draw["shots"];
    EXPECT_EQ(paths(drawn.val), positions(draw["val"])) << draw["shots"];
    EXPECT_TRUE(log.warnings().empty());
  }
}

TEST(FewShot, AllListsOfRealSetsAreReproducedItemByItem) {
  const std::vector<std::pair<std::string, std::string>> sets = {
      {"dtd", "DescribableTextures"},
      {"oxford_flowers", "OxfordFlowers"},
      {"oxford_pets", "OxfordPets"},
      {"stanford_cars", "StanfordCars"},
      {"caltech101", "Caltech101"},
      {"eurosat", "EuroSAT"},
      {"ucf101", "UCF101"}};
  int lists = 0;
  for (const auto& [folder, name] : sets) {
    const std::string file = kShared + "/splits/split_zhou_" + name + ".json";
    if (!fs::exists(file)) continue;
    const Split split = dataset::parse_split_json(file, read_all(file));
    for (const int64_t shots : {1, 2, 4, 8, 16}) {
      for (const uint64_t seed : {1, 2, 3}) {
        const std::string list =
            cat(kShared, "/few_shot_indices/", folder, "/shot_", shots, "-seed_", seed, ".json");
        if (!fs::exists(list)) continue;
        const json expected = json::parse(read_all(list));
        Log log;
        const Split drawn = draw_few_shot(split, shots, seed, log);
        const auto compare = [&](const json& part, const std::vector<Item>& all,
                                 const std::vector<Item>& items) {
          Paths wanted;
          for (const auto& i : part["indices"]) wanted.push_back(all.at(i.get<size_t>()).path);
          EXPECT_EQ(paths(items), wanted) << list;
          for (size_t i = 0; i < items.size(); ++i) {
            const auto& entry = part["data"][i];
            EXPECT_TRUE(entry["impath"].get<std::string>().ends_with("/" + items[i].path));
            EXPECT_EQ(entry["label"], items[i].label);
            EXPECT_EQ(entry["classname"], split.class_names[items[i].label]);
          }
        };
        compare(expected["train"], split.train, drawn.train);
        compare(expected["val"], split.val, drawn.val);
        ++lists;
      }
    }
  }
  if (lists == 0) GTEST_SKIP() << "no real few-shot lists in " << kShared;
}

TEST(FewShot, NoShotsKeepEverything) {
  const Split split = sized({5, 5}, {2, 2});
  Log log;
  for (const int64_t shots : {int64_t{0}, int64_t{-1}}) {
    EXPECT_EQ(paths(draw_few_shot(split, shots, 1, log).train), paths(split.train));
    EXPECT_EQ(paths(draw_few_shot(split, shots, 1, log).val), paths(split.val));
  }
}

TEST(FewShot, ClassesWithTooFewImagesAreTakenWholeWithoutADraw) {
  // Class 0 is taken whole, so the first draw is class 1's, as if it stood alone.
  Split split = sized({3, 30}, {1, 9});
  Log log;
  const Split drawn = draw_few_shot(split, 8, 5, log);
  EXPECT_EQ(drawn.train.size(), 3u + 8u);
  EXPECT_EQ(drawn.val.size(), 1u + 4u);
  EXPECT_EQ(drawn.train[0].path, "t0_0");
  EXPECT_EQ(drawn.train[2].path, "t0_2");
  Rng rng(5);
  Paths expected;
  for (const int64_t i : rng.sample(30, 8)) expected.push_back(cat("t1_", i));
  for (const int64_t i : rng.sample(9, 4)) expected.push_back(cat("v1_", i));
  Paths got = paths({drawn.train.begin() + 3, drawn.train.end()});
  for (const auto& p : paths({drawn.val.begin() + 1, drawn.val.end()})) got.push_back(p);
  EXPECT_EQ(got, expected);
  EXPECT_EQ(paths(drawn.test), paths(split.test));
  ASSERT_EQ(log.warnings().size(), 2u);
  EXPECT_NE(log.warnings()[0].find("1 class has fewer than 8 training images"), std::string::npos)
      << log.warnings()[0];
  EXPECT_NE(log.warnings()[0].find("'class0'"), std::string::npos);
}

TEST(FewShot, AClassWithExactlyTheShotsIsShuffledNotTaken) {
  Log log;
  const Split drawn = draw_few_shot(sized({5, 5}, {0, 0}), 5, 1, log);
  EXPECT_EQ(drawn.train[0].path, "t0_1");  // random.Random(1).sample(range(5), 5) = 1 0 4 3 2
  EXPECT_TRUE(log.warnings().empty());
  EXPECT_TRUE(drawn.val.empty());
}

TEST(Halves, TheFirstOfAnOddNumberIsTheLarger) {
  const Split split = sized({2, 2, 2, 2, 2}, {1, 1, 1, 1, 1});
  const Split base = select_half(split, Half::kBase), fresh = select_half(split, Half::kNew);
  EXPECT_EQ(base.class_names, (Paths{"class0", "class1", "class2"}));
  EXPECT_EQ(fresh.class_names, (Paths{"class3", "class4"}));
  EXPECT_EQ(labels(fresh.train), (std::vector<int64_t>{0, 0, 1, 1}));
  EXPECT_EQ(paths(fresh.train), (Paths{"t3_0", "t3_1", "t4_0", "t4_1"}));
  EXPECT_EQ(labels(fresh.test), (std::vector<int64_t>{0, 1}));
  EXPECT_EQ(paths(fresh.val), (Paths{"v3_0", "v4_0"}));
  EXPECT_EQ(paths(base.test), (Paths{"e0", "e1", "e2"}));
  EXPECT_EQ(select_half(split, Half::kAll).class_names, split.class_names);
  EXPECT_EQ(base.name, split.name);
}

TEST(Halves, OrderOfTheListsIsKept) {
  Split split;
  split.class_names = {"a", "b", "c", "d"};
  for (const int64_t label : {3, 1, 0, 2, 1, 3, 0}) split.train.push_back({cat(label), label});
  split.test = {{"x", 2}, {"y", 0}};
  EXPECT_EQ(paths(select_half(split, Half::kBase).train), (Paths{"1", "0", "1", "0"}));
  EXPECT_EQ(paths(select_half(split, Half::kNew).train), (Paths{"3", "2", "3"}));
  EXPECT_EQ(labels(select_half(split, Half::kNew).train), (std::vector<int64_t>{1, 0, 1}));
}

TEST(Halves, AnEmptyHalfIsAnError) {
  expect_error(ErrorKind::kContent, {"new half of made up is empty", "1 class"},
               [] { select_half(sized({2}, {1}), Half::kNew); });
  EXPECT_EQ(select_half(sized({2}, {1}), Half::kBase).class_names.size(), 1u);
  expect_error(ErrorKind::kContent, {"base half", "0 classes"},
               [] { select_half(Split{}, Half::kBase); });
}

TEST(Halves, HaveNames) {
  EXPECT_EQ(half_name(Half::kAll), "all");
  EXPECT_EQ(half_name(Half::kBase), "base");
  EXPECT_EQ(half_name(Half::kNew), "new");
}

TEST(Templates, AreCoOpsZeroShotOnes) {
  const std::vector<std::pair<std::string, std::string>> cases = {
      {"oxford_pets", "a photo of a {}, a type of pet."},
      {"OxfordFlowers", "a photo of a {}, a type of flower."},
      {"FGVCAircraft", "a photo of a {}, a type of aircraft."},
      {"dtd", "{} texture."},
      {"DescribableTextures", "{} texture."},
      {"EuroSAT", "a centered satellite photo of {}."},
      {"food-101", "a photo of {}, a type of food."},
      {"UCF101", "a photo of a person doing {}."},
      {"StanfordCars", "a photo of a {}."},
      {"sun397", "a photo of a {}."},
      {"Caltech101", "a photo of a {}."},
      {"imagenet_r", "a photo of a {}."},
      {"my_folder", "a photo of a {}."},
      {"", "a photo of a {}."}};
  for (const auto& [name, text] : cases) EXPECT_EQ(default_template(name), text) << name;
}

TEST(Templates, AllFifteenSetsAreKnown) {
  Paths configs;
  for (const DatasetInfo& info : known_datasets()) configs.push_back(info.config);
  EXPECT_EQ(configs,
            (Paths{"imagenet", "caltech101", "oxford_pets", "stanford_cars", "oxford_flowers",
                   "food101", "fgvc_aircraft", "sun397", "dtd", "eurosat", "ucf101", "imagenetv2",
                   "imagenet_sketch", "imagenet_a", "imagenet_r"}));
}

TEST(KnownDatasets, PublishedCountsAddUp) {
  for (const DatasetInfo& info : known_datasets()) {
    EXPECT_EQ(info.test_only, info.train == 0) << info.config;
    EXPECT_EQ(info.base_test + info.new_test, info.test_only ? 0 : info.test) << info.config;
    EXPECT_EQ(find_dataset(info.name), find_dataset(info.config));
    EXPECT_EQ(find_dataset(info.config)->name, info.name);
  }
  EXPECT_EQ(find_dataset("mnist"), nullptr);
  EXPECT_EQ(find_dataset("OXFORD-PETS")->test, 3669);
}

}  // namespace
}  // namespace qprompt
