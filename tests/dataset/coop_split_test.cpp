#include "dataset/impl/readers.h"
#include "dataset/test_splits.h"

namespace qprompt {
namespace {

using namespace testing;
using Paths = std::vector<std::string>;

TEST(CoopLayout, IsReadFromTheRootAndFromTheSetsOwnFolder) {
  TempFolder folder;
  const json split = small_split({"beagle", "pug"}, 3, 1, 2);
  write_all(folder / "oxford_pets/split_zhou_OxfordPets.json", split.dump(4));
  touch_images(split, folder / "oxford_pets/images");
  Log log;
  for (const std::string& root : {folder.path(), folder / "oxford_pets"}) {
    for (const char* name : {"oxford_pets", "OxfordPets", "OXFORD_PETS", "oxfordpets"}) {
      const Split read = load_split({root, name, 1, true}, log);
      EXPECT_EQ(read.name, "OxfordPets");
      EXPECT_EQ(read.image_root, folder / "oxford_pets/images");
      EXPECT_EQ(read.class_names, (Paths{"beagle", "pug"}));
      EXPECT_EQ(paths(read.train), (Paths{"train/0_0.jpg", "train/1_0.jpg", "train/0_1.jpg",
                                          "train/1_1.jpg", "train/0_2.jpg", "train/1_2.jpg"}));
      EXPECT_EQ(labels(read.train), (std::vector<int64_t>{0, 1, 0, 1, 0, 1}));
      EXPECT_EQ(read.val.size(), 2u);
      EXPECT_EQ(read.test.size(), 4u);
    }
  }
}

TEST(CoopLayout, EverySetWithASplitFileIsFoundAtItsPlace) {
  struct Place {
    std::string name, file, image_root;
  };
  const std::vector<Place> places = {
      {"caltech101", "caltech-101/split_zhou_Caltech101.json", "caltech-101/101_ObjectCategories"},
      {"oxford_pets", "oxford_pets/split_zhou_OxfordPets.json", "oxford_pets/images"},
      {"stanford_cars", "stanford_cars/split_zhou_StanfordCars.json", "stanford_cars"},
      {"oxford_flowers", "oxford_flowers/split_zhou_OxfordFlowers.json", "oxford_flowers/jpg"},
      {"food101", "food-101/split_zhou_Food101.json", "food-101/images"},
      {"sun397", "sun397/split_zhou_SUN397.json", "sun397/SUN397"},
      {"dtd", "dtd/split_zhou_DescribableTextures.json", "dtd/images"},
      {"eurosat", "eurosat/split_zhou_EuroSAT.json", "eurosat/2750"},
      {"ucf101", "ucf101/split_zhou_UCF101.json", "ucf101/UCF-101-midframes"},
  };
  TempFolder folder;
  Log log;
  const json split = small_split({"a", "b"}, 2, 1, 1);
  for (const auto& place : places) {
    write_all(folder / place.file, split.dump());
    touch_images(split, folder / place.image_root);
    const Split read = load_split({folder.path(), place.name, 1, true}, log);
    EXPECT_EQ(read.image_root, folder / place.image_root);
    EXPECT_EQ(read.train.size(), 4u);
  }
}

TEST(CoopLayout, SetsThatAreNotThereNameWhatWasLookedFor) {
  TempFolder folder;
  Log log;
  for (const DatasetInfo& info : known_datasets()) {
    expect_error(ErrorKind::kPath, {info.name, cat("'", folder / info.folder, "'"), "DATASETS.md"},
                 [&] {
                   load_split({folder.path(), info.config, 1, true}, log);
                 });
  }
  expect_error(ErrorKind::kUsage, {"'mnist' is unknown", "oxford_pets", "imagenet_r"}, [&] {
    load_split({folder.path(), "mnist", 1, true}, log);
  });
}

TEST(CoopLayout, AMissingSplitFileNamesBothPlaces) {
  TempFolder folder;
  Log log;
  expect_error(ErrorKind::kPath,
               {"split_zhou_EuroSAT.json", cat("'", folder / "eurosat", "'"),
                cat("'", folder.path(), "'"), "DATASETS.md"},
               [&] {
                 load_split({folder.path(), "eurosat", 1, true}, log);
               });
}

TEST(CoopLayout, MissingImagesAreCountedUnlessTheyAreNotAskedFor) {
  TempFolder folder;
  const json split = small_split({"a", "b"}, 4, 1, 1);
  write_all(folder / "dtd/split_zhou_DescribableTextures.json", split.dump());
  touch_images(split, folder / "dtd/images");
  fs::remove(folder / "dtd/images/train/1_2.jpg");
  fs::remove(folder / "dtd/images/test/0_0.jpg");
  Log log;
  expect_error(ErrorKind::kPath,
               {"2 of the 12 images", "'train/1_2.jpg', 'test/0_0.jpg'", "dtd/images"}, [&] {
                 load_split({folder.path(), "dtd", 1, true}, log);
               });
  EXPECT_EQ(load_split({folder.path(), "dtd", 1, false}, log).train.size(), 8u);
}

TEST(CoopLayout, DuplicateClassNamesAreKeptApartAndSaid) {
  TempFolder folder;
  const json split = small_split({"missile", "cat", "missile"}, 2, 1, 1);
  write_all(folder / "dtd/split_zhou_DescribableTextures.json", split.dump());
  Log log;
  const Split read = load_split({folder.path(), "dtd", 1, false}, log);
  EXPECT_EQ(read.class_names, (Paths{"missile", "cat", "missile"}));
  EXPECT_NE(warnings_of(log).find("classes 0 and 2 are both named 'missile'"), std::string::npos);
}

/// Loads a split file of these bytes as DTD's, expecting an error with `parts`.
void expect_refused(const std::string& bytes, std::vector<std::string> parts) {
  TempFolder folder;
  write_all(folder / "split_zhou_DescribableTextures.json", bytes);
  Log log;
  expect_error(ErrorKind::kContent, parts, [&] {
    load_split({folder.path(), "dtd", 1, false}, log);
  });
}

/// The small split with one entry, or one part of it, replaced.
std::string altered(const char* key, size_t index, const json& entry) {
  json split = small_split({"a", "b"}, 2, 1, 1);
  split[key][index] = entry;
  return split.dump();
}

TEST(CoopSplitFile, EntriesOfWrongShapeAreNamed) {
  const std::string file = "split_zhou_DescribableTextures.json";
  expect_refused(altered("train", 2, 5), {file, "train[2]", "got a number"});
  expect_refused(altered("train", 2, "x"), {"train[2]", "got a text"});
  expect_refused(altered("val", 1, nullptr), {"val[1]", "null"});
  expect_refused(altered("val", 1, json::object()), {"val[1]", "object"});
  expect_refused(altered("test", 0, json::array()), {"test[0]", "got 0 of the three"});
  expect_refused(altered("test", 0, {"x.jpg", 0}), {"test[0]", "got 2 of the three"});
  expect_refused(altered("test", 1, {"x.jpg", 0, "a", 1}), {"test[1]", "no more"});
  expect_refused(altered("train", 3, {1, 0, "a"}), {"train[3][0]", "path must be a text"});
  expect_refused(altered("train", 3, {"x", "0", "a"}), {"train[3][1]", "whole number", "text"});
  expect_refused(altered("train", 3, {"x", 0.5, "a"}), {"train[3][1]", "whole number", "0.5"});
  expect_refused(altered("train", 3, {"x", true, "a"}), {"train[3][1]", "true"});
  expect_refused(altered("train", 3, {"x", json::array(), "a"}), {"train[3][1]", "list"});
  expect_refused(altered("train", 3, {"x", 0, 7}), {"train[3][2]", "class name must be a text"});
  expect_refused(altered("train", 3, {"x", 0, ""}), {"train[3]", "name is empty"});
}

TEST(CoopSplitFile, LabelsMustBeContiguousAndNamedOnce) {
  expect_refused(altered("train", 3, {"x", -1, "b"}), {"train[3][1]", "0 or more", "-1"});
  expect_refused(altered("train", 3, {"x", 99999999999, "b"}), {"train[3][1]", "below"});
  expect_refused(altered("train", 3, {"x", 18446744073709551615u, "b"}), {"train[3][1]"});
  expect_refused(altered("train", 3, {"x", 7, "c"}), {"without gaps", "label 2"});
  expect_refused(altered("train", 3, {"x", 1, "c"}),
                 {"train[3]", "label 1 is named 'c', but 'b' at test[1]"});
  expect_refused(altered("test", 1, {"x", 2, "c"}), {"class 'c' (label 2) has no training image"});
}

TEST(CoopSplitFile, PathsMustStayInTheImageFolder) {
  for (const char* path : {"/etc/passwd", "..", "../x.jpg", "a/../../x.jpg", "a/..", ""}) {
    expect_refused(altered("train", 1, {path, 1, "b"}), {"train[1]", "path"});
  }
  expect_refused(altered("train", 1, {std::string("a\0b", 3), 1, "b"}), {"train[1]", "zero byte"});
  expect_refused(altered("train", 1, {std::string(5000, 'a'), 1, "b"}), {"train[1]", "5000 bytes"});
  TempFolder folder;
  write_all(folder / "split_zhou_DescribableTextures.json",
            altered("train", 1, {"a..b/..c.jpg", 1, "b"}));
  Log log;
  EXPECT_NO_THROW(load_split({folder.path(), "dtd", 1, false}, log));
}

TEST(CoopSplitFile, TheListsMustBeThereOnce) {
  const json whole = small_split({"a", "b"}, 2, 1, 1);
  for (const char* key : {"train", "test"}) {
    json split = whole;
    split.erase(key);
    expect_refused(split.dump(), {"the list '" + std::string(key) + "' is missing"});
    split = whole;
    split[key] = 3;
    expect_refused(split.dump(), {key, "list of images was expected", "number"});
  }
  json split = whole;
  split["more"] = json::array();
  expect_refused(split.dump(), {"'more'", "train, val, test"});
  expect_refused(R"({"train": [], "train": []})", {"'train' is given twice"});
  expect_refused(R"({"train": [], "val": [], "test": []})", {"no training images"});
  expect_refused("[]", {"an object with the lists"});
  expect_refused("3", {"an object with the lists"});
  expect_refused(small_split({"a"}, 2, 1, 1).dump(), {"one class only", "'a'"});
}

TEST(CoopSplitFile, DamagedJsonSaysWhere) {
  const std::string whole = small_split({"a", "b"}, 2, 1, 1).dump();
  for (size_t size = 0; size < whole.size(); ++size) {
    expect_refused(whole.substr(0, size), {"is not valid JSON at byte"});
  }
  expect_refused(whole + "]", {"is not valid JSON"});
  expect_refused("{\"train\": [[\"\xff\", 0, \"a\"]]}", {"is not valid JSON"});
  expect_refused("{\"train\": " + std::string(1 << 20, '['), {"train[0]"});
}

TEST(CoopSplitFile, RealFilesHaveTheKnownSizes) {
  struct Known {
    std::string file;
    size_t classes, train, val, test, base_test, new_test;
  };
  const std::vector<Known> sets = {
      {"split_zhou_DescribableTextures.json", 47, 2820, 1128, 1692, 864, 828},
      {"split_zhou_OxfordFlowers.json", 102, 4093, 1633, 2463, 1053, 1410},
      {"split_zhou_OxfordPets.json", 37, 2944, 736, 3669, 1881, 1788},
      {"split_zhou_EuroSAT.json", 10, 13500, 5400, 8100, 4200, 3900},
  };
  bool any = false;
  for (const auto& set : sets) {
    const std::string path = kShared + "/splits/" + set.file;
    if (!fs::exists(path)) continue;
    any = true;
    const Split split = dataset::parse_split_json(path, read_all(path));
    EXPECT_EQ(split.class_names.size(), set.classes);
    EXPECT_EQ(split.train.size(), set.train);
    EXPECT_EQ(split.val.size(), set.val);
    EXPECT_EQ(split.test.size(), set.test);
    EXPECT_EQ(select_half(split, Half::kBase).test.size(), set.base_test);
    EXPECT_EQ(select_half(split, Half::kNew).test.size(), set.new_test);
  }
  if (!any) GTEST_SKIP() << "no real split files in " << kShared << "/splits";
}

}  // namespace
}  // namespace qprompt
