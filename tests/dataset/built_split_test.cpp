// Sets whose split file is absent. The expected lists were made by CPython 3.11 with CoOp's rules
// (`random.seed(1)`, `random.shuffle` a class) on the same names.
#include "dataset/test_splits.h"

namespace qprompt {
namespace {

using namespace testing;
using Paths = std::vector<std::string>;

class BuiltSplit : public ::testing::Test {
 protected:
  Split load(const std::string& name, bool check_images = true) {
    return load_split({folder_.path(), name, 7, check_images, cache_.path()}, log_);
  }
  /// The set's miniature, read from its annotations; empty images are there, too.
  Split load_miniature(const std::string& name) {
    Miniatures(folder_).write(name);
    return load(name);
  }

  TempFolder folder_, cache_;
  Log log_;
};

TEST_F(BuiltSplit, OxfordPetsFollowsItsTextFiles) {
  const Split split = load_miniature("oxford_pets");
  EXPECT_EQ(split.class_names, (Paths{"american_bulldog", "pug"}));
  EXPECT_EQ(paths(split.train),
            (Paths{"Pug_4.jpg", "Pug_5.jpg", "Pug_1.jpg", "Pug_2.jpg", "american_bulldog_3.jpg",
                   "american_bulldog_2.jpg", "american_bulldog_5.jpg", "american_bulldog_4.jpg"}));
  EXPECT_EQ(paths(split.val), (Paths{"Pug_3.jpg", "american_bulldog_1.jpg"}));
  EXPECT_EQ(labels(split.val), (std::vector<int64_t>{1, 0}));
  EXPECT_EQ(paths(split.test), (Paths{"american_bulldog_9.jpg", "Pug_9.jpg"}));
  EXPECT_EQ(split.image_root, folder_ / "oxford_pets/images");
  EXPECT_FALSE(split.published_split);
  EXPECT_NE(warnings_of(log_).find("published file"), std::string::npos) << warnings_of(log_);
}

TEST_F(BuiltSplit, StanfordCarsFollowsItsMatlabFiles) {
  const Split split = load_miniature("stanford_cars");
  EXPECT_EQ(split.class_names, (Paths{"2000 AM General Hummer SUV", "2012 Acura RL"}));
  Paths wanted;
  for (const char* n : {"08", "09", "01", "04", "06", "03", "10", "07"}) {
    wanted.push_back(cat("cars_train/000", n, ".jpg"));
  }
  EXPECT_EQ(paths(split.train), wanted);
  EXPECT_EQ(paths(split.val), (Paths{"cars_train/00005.jpg", "cars_train/00002.jpg"}));
  EXPECT_EQ(paths(split.test), (Paths{"cars_test/00001.jpg", "cars_test/00002.jpg"}));
  EXPECT_EQ(labels(split.test), (std::vector<int64_t>{1, 0}));
  EXPECT_EQ(split.image_root, folder_ / "stanford_cars");
  write_all(folder_ / "stanford_cars/devkit/cars_meta.mat",
            mat::file(mat::cell("class_names", {"One 2000"})));
  expect_error(ErrorKind::kContent, {"00002.jpg", "class 2", "names 1 classes"},
               [&] { load("stanford_cars", false); });
}

TEST_F(BuiltSplit, FlowersFollowsItsMatlabFileAndNames) {
  const Split split = load_miniature("oxford_flowers");
  EXPECT_EQ(split.class_names, (Paths{"pink primrose", "hard-leaved pocket orchid"}));
  EXPECT_EQ(paths(split.train),
            (Paths{"image_00005.jpg", "image_00007.jpg", "image_00002.jpg", "image_00006.jpg"}));
  EXPECT_EQ(paths(split.val), (Paths{"image_00009.jpg", "image_00004.jpg"}));
  EXPECT_EQ(paths(split.test),
            (Paths{"image_00001.jpg", "image_00003.jpg", "image_00010.jpg", "image_00008.jpg"}));
  EXPECT_EQ(labels(split.train), (std::vector<int64_t>{1, 1, 0, 0}));
  for (const char* names : {R"({"1": "a"})", "[]", "{", R"({"1": "a", "2": 3})"}) {
    write_all(folder_ / "oxford_flowers/cat_to_name.json", names);
    expect_error(ErrorKind::kContent, {"cat_to_name.json"}, [&] { load("oxford_flowers", false); });
  }
}

TEST_F(BuiltSplit, SunReversesTheFoldersOfAClass) {
  const Split split = load_miniature("sun397");
  EXPECT_EQ(split.class_names, (Paths{"abbey", "indoor bow_window"}));
  EXPECT_EQ(split.train.size(), 8u);
  EXPECT_EQ(split.train[0].path.substr(0, 21), "b/bow_window/indoor/3") << split.train[0].path;
  EXPECT_EQ(labels(split.val), (std::vector<int64_t>{1, 0}));
  EXPECT_EQ(paths(split.test), (Paths{"b/bow_window/indoor/9.jpg", "a/abbey/9.jpg"}));
  const std::string set = folder_ / "sun397/";
  write_all(set + "Testing_01.txt", "/a/attic/9.jpg\n");
  expect_error(ErrorKind::kContent, {"Testing_01.txt', line 1", "'/a/attic'"},
               [&] { load("sun397", false); });
  write_all(set + "Testing_01.txt", "/a/abbey/../../../etc/passwd\n");
  expect_error(ErrorKind::kContent, {"line 1"}, [&] { load("sun397", false); });
}

TEST_F(BuiltSplit, UcfSplitsActionsAtCapitalsAndReadsMiddleFrames) {
  const Split split = load_miniature("ucf101");
  EXPECT_EQ(split.class_names, (Paths{"Apply_Eye_Makeup", "Yo_Yo"}));
  EXPECT_EQ(split.train.size(), 8u);
  EXPECT_EQ(split.val[1].path.substr(0, 6), "Yo_Yo/");
  EXPECT_EQ(paths(split.test),
            (Paths{"Apply_Eye_Makeup/v_ApplyEyeMakeup_g09_c01.jpg", "Yo_Yo/v_YoYo_g09_c01.jpg"}));
  EXPECT_EQ(split.image_root, folder_ / "ucf101/UCF-101-midframes");
  write_all(folder_ / "ucf101/ucfTrainTestlist/testlist01.txt", "Knitting/v.avi\n");
  expect_error(ErrorKind::kContent, {"testlist01.txt', line 1", "Knitting"},
               [&] { load("ucf101", false); });
}

TEST_F(BuiltSplit, FoldersAreSplitAndRenamedAsCoOpDoes) {
  for (const char* name : {"dtd", "food101"}) {
    const Split split = load_miniature(name);
    EXPECT_EQ(split.train.size(), 4u) << name;
    EXPECT_EQ(split.test.size(), 2u) << name;
  }
  const Split eurosat = load_miniature("eurosat");
  EXPECT_EQ(eurosat.class_names, (Paths{"Annual Crop Land", "Forest"}));
  EXPECT_EQ(paths(eurosat.train), (Paths{"AnnualCrop/2.jpg", "AnnualCrop/3.jpg", "Forest/0.jpg",
                                         "Forest/1.jpg", "Forest/2.jpg"}));
  EXPECT_EQ(paths(eurosat.val), (Paths{"AnnualCrop/4.jpg", "Forest/4.jpg"}));
  EXPECT_EQ(paths(eurosat.test),
            (Paths{"AnnualCrop/0.jpg", "AnnualCrop/1.jpg", "Forest/5.jpg", "Forest/3.jpg"}));
  EXPECT_EQ(load_miniature("caltech101").class_names, (Paths{"face", "accordion", "airplane"}));
  make_images(folder_, {{"caltech-101/101_ObjectCategories/small", 3}});
  expect_error(ErrorKind::kContent, {"small' has 3 images", "at least 4"},
               [&] { load("caltech101"); });
}

TEST_F(BuiltSplit, IsKeptInTheCacheAndNotInTheDataFolder) {
  make_images(folder_, {{"dtd/images/banded", 6}, {"dtd/images/dotted", 6}});
  const auto before = snapshot(folder_.path());
  const Split first = load("dtd");
  EXPECT_EQ(snapshot(folder_.path()), before);
  ASSERT_EQ(std::distance(fs::directory_iterator(cache_ / "splits"), {}), 1);
  // One image more would move others between the lists; the kept split stays, and says so.
  write_all(folder_ / "dtd/images/banded/00a.jpg", "");
  log_ = Log();
  EXPECT_EQ(paths(load("dtd").train), paths(first.train));
  EXPECT_NE(warnings_of(log_).find("1 image more"), std::string::npos) << warnings_of(log_);
  EXPECT_NE(paths(load_split({folder_.path(), "dtd"}, log_).train), paths(first.train));
  fs::remove(folder_ / "dtd/images/banded/03.jpg");
  expect_error(ErrorKind::kContent, {"banded/03.jpg", "no longer fits", "Remove '", "splits/dtd-"},
               [&] { load("dtd"); });
  fs::remove_all(cache_ / "splits");
  EXPECT_NO_THROW(load("dtd"));
}

TEST_F(BuiltSplit, TheSplitFileWinsOnceItIsThere) {
  load_miniature("oxford_pets");
  const json split = small_split({"beagle", "pug"}, 3, 1, 2);
  write_all(folder_ / "oxford_pets/split_zhou_OxfordPets.json", split.dump());
  log_ = Log();
  const Split read = load("oxford_pets", false);
  EXPECT_EQ(read.class_names, (Paths{"beagle", "pug"}));
  EXPECT_TRUE(read.published_split);
  EXPECT_TRUE(log_.warnings().empty()) << warnings_of(log_);
}

TEST_F(BuiltSplit, DamagedAnnotationsNameFileAndLine) {
  Miniatures(folder_).write("oxford_pets");
  const std::string file = folder_ / "oxford_pets/annotations/trainval.txt";
  const std::vector<std::pair<std::string, Paths>> cases = {
      {"Pug_1 2 2\n", {"line 1", "'image class species breed'", "'Pug_1 2 2'"}},
      {"\nPug_1 two 2 1\n", {"line 2", "'two'"}},
      {"Pug_1 0 2 1\n", {"line 1", "'0'"}},
      {"Pug_1 99999999999999999999 2 1\n", {"line 1"}},
      {"../Pug_1 2 2 1\n", {"line 1", "stay below"}},
      {"Pug 2 2 1\n", {"line 1", "BREED_NUMBER"}},
      {std::string("Pug_1 2\0 2 1\n", 13), {"line 1", "zero byte"}},
      {"Pug_1 1 2 1\nShiba_1 1 2 1\n", {"line 2", "class 1", "'shiba'", "'pug'"}},
      {"Pug_1 5 2 1\n", {"without gaps", "number 3"}},
      {"Pug_1 2 2 1\n", {"class 'american_bulldog' (label 0) has no training image"}},
      {"", {"no training images"}}};  // and none of these is kept
  for (const auto& [bytes, parts] : cases) {
    write_all(file, bytes);
    expect_error(ErrorKind::kContent, parts, [&] { load("oxford_pets", false); });
  }
  fs::remove(folder_ / "oxford_pets/annotations/test.txt");
  write_all(file, "Pug_1 1 2 1\n");
  expect_error(ErrorKind::kPath, {"annotations/test.txt"}, [&] { load("oxford_pets", false); });
}

TEST_F(BuiltSplit, AircraftIsReadFromItsOwnLists) {
  const Split split = load_miniature("fgvc_aircraft");
  EXPECT_EQ(split.class_names, (Paths{"707-320", "Boeing 717", "Yak-42"}));
  EXPECT_EQ(paths(split.train),
            (Paths{"1025794.jpg", "0056978.jpg", "1.jpg", "4.jpg", "5.jpg", "6.jpg"}));
  EXPECT_EQ(labels(split.train), (std::vector<int64_t>{0, 2, 1, 1, 0, 2}));
  EXPECT_EQ(paths(split.val), (Paths{"0734042.jpg"}));
  EXPECT_EQ(labels(split.test), (std::vector<int64_t>{2, 0, 1}));
  EXPECT_TRUE(split.published_split);
  EXPECT_TRUE(log_.warnings().empty()) << warnings_of(log_);
  const std::string set = folder_ / "fgvc_aircraft/";
  write_all(set + "images_variant_test.txt", "2 Yak-40\n");
  expect_error(ErrorKind::kContent, {"images_variant_test.txt', line 1", "'Yak-40'"},
               [&] { load("fgvc_aircraft", false); });
  write_all(set + "variants.txt", "A\nB\nA\n");
  expect_error(ErrorKind::kContent, {"variants.txt', line 3", "twice"},
               [&] { load("fgvc_aircraft", false); });
}

}  // namespace
}  // namespace qprompt
