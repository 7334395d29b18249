// Which files and folders count, for `data` and `classify` alike.
#include <sys/stat.h>

#include <sstream>

#include "dataset/test_splits.h"

namespace qprompt {
namespace {

using namespace testing;
using Paths = std::vector<std::string>;

Split load(const TempFolder& folder, Log& log) {
  return load_split({folder.path(), "", 1, true}, log);
}

size_t images_of(const Split& split) {
  return split.train.size() + split.val.size() + split.test.size();
}

/// The beginning of a GIF file.
const std::string kGif("GIF89a\1\0\1\0\0\0\0", 13);

TEST(Walk, FilesCountByTheirEndingOrWhereTheyHaveNoneByTheirFirstBytes) {
  TempFolder folder;
  make_images(folder, {{"a", 4}, {"b", 4}});
  for (const char* name : {"one.jfif", "two.JPE", "three.gif", "four.heic", "five.tif"}) {
    write_all(folder / ("a/" + std::string(name)), "");
  }
  for (const char* name : {"IMG_0001", "photo.jpg_large", "scan.1", "photo.jpg!thumbnail"}) {
    write_all(folder / ("b/" + std::string(name)), kGif);
  }
  write_all(folder / "b/notes", "a list of what is here");
  write_all(folder / "b/picture.txt", kGif);
  std::ostringstream out;
  Log log(out, false, false);
  EXPECT_EQ(images_of(load(folder, log)), 8u + 5u + 4u);
  EXPECT_NE(out.str().find("0 hidden and 2 other"), std::string::npos) << out.str();
}

TEST(Walk, WhatSystemsLeaveInFoldersIsNoClassAndNoImage) {
  TempFolder folder;
  make_images(folder, {{"a", 4}, {"b", 4}, {"__MACOSX/a", 4}, {"@eaDir", 2}, {"b/@eaDir", 2}});
  for (const char* name : {"a/._00.jpg", "a/.DS_Store", "a/Thumbs.db", "desktop.ini"}) {
    write_all(folder / name, "");
  }
  std::ostringstream out;
  Log log(out, false, false);
  const Split split = load(folder, log);
  EXPECT_EQ(split.class_names, (Paths{"a", "b"}));
  EXPECT_EQ(images_of(split), 8u);
  EXPECT_TRUE(log.warnings().empty()) << warnings_of(log);
  EXPECT_NE(out.str().find("2 hidden, 5 of the system's and 0 other"), std::string::npos)
      << out.str();
}

TEST(Walk, PartsOfASplitHaveSeveralNames) {
  for (const auto& [train, val, test] :
       std::vector<std::array<std::string, 3>>{{"train", "valid", "test"},
                                               {"Train", "Val", "Test"},
                                               {"training", "dev", "testing"},
                                               {"TRAIN", "validation", "TEST"}}) {
    SCOPED_TRACE(train);
    TempFolder folder;
    for (const std::string& name : {train, val, test}) {
      make_images(folder, {{name + "/cat", 2}, {name + "/dog", 1}});
    }
    Log log;
    const Split split = load(folder, log);
    EXPECT_EQ(split.class_names, (Paths{"cat", "dog"}));
    EXPECT_EQ(split.val.size(), 3u);
    EXPECT_EQ(split.test.front().path, test + "/cat/00.jpg");
    EXPECT_TRUE(log.warnings().empty()) << warnings_of(log);
  }
}

TEST(Walk, TwoFoldersForOnePartAreAnErrorThatNamesBoth) {
  TempFolder folder;
  make_images(folder, {{"train/a", 2}, {"train/b", 2}, {"val/a", 1}, {"valid/a", 1}});
  Log log;
  expect_error(ErrorKind::kContent, {"val/", "valid/"}, [&] { load(folder, log); });
}

TEST(Walk, ClassesMayLieInAFolderOfImagesBelow) {
  TempFolder folder;
  make_images(folder, {{"images/cat", 4}, {"images/dog", 4}});
  write_all(folder / "annotations/list.txt", "cat dog");
  std::ostringstream out;
  Log log(out, false, false);
  const Split split = load(folder, log);
  EXPECT_EQ(split.class_names, (Paths{"cat", "dog"}));
  EXPECT_EQ(split.image_root, folder / "images");
  EXPECT_EQ(split.folder, folder.path());
  EXPECT_NE(out.str().find("classes are taken from"), std::string::npos) << out.str();
}

TEST(Walk, AnUnpackedArchivesOnlyFolderIsGoneInto) {
  TempFolder folder;
  make_images(folder, {{"flowers/v2/train/a", 2}, {"flowers/v2/train/b", 2}});
  Log log;
  EXPECT_EQ(load(folder, log).image_root, folder / "flowers/v2");
}

TEST(Walk, AClassFolderWhoseNameIsNotUtf8IsRefused) {
  TempFolder folder;
  make_images(folder, {{"pie", 4}, {"cr\xeape", 4}});
  Log log;
  expect_error(ErrorKind::kContent, {"UTF-8", "cr\\xeape"}, [&] { load(folder, log); });
}

TEST(Walk, ADeepListOfImagesFollowsLinksAndEndsInCircles) {
  TempFolder folder;
  make_images(folder, {{"set/a/deep", 2}, {"elsewhere", 1}, {"set/.cache", 1}});
  fs::create_directory_symlink(folder / "elsewhere", folder / "set/link");
  fs::create_directory_symlink(folder / "set", folder / "set/a/up");
  ASSERT_EQ(::mkfifo((folder / "set/pipe.jpg").c_str(), 0600), 0);
  Log log;
  const FoundImages found = find_images(folder / "set", log);
  EXPECT_EQ(found.paths, (Paths{folder / "set/a/deep/00.jpg", folder / "set/a/deep/01.jpg",
                                folder / "set/link/00.jpg"}));
  EXPECT_EQ(found.left_out.circles, (Paths{folder / "set/a/up"}));
  EXPECT_EQ(found.left_out.hidden, 1);
  EXPECT_EQ(found.left_out.other, 1);
}

TEST(Walk, ASplitWrittenOnWindowsIsRead) {
  TempFolder folder;
  make_images(folder, {{"caltech-101/101_ObjectCategories/dog", 2},
                       {"caltech-101/101_ObjectCategories/fox", 2}});
  write_all(folder / "caltech-101/split_zhou_Caltech101.json",
            R"({"train": [["dog\\00.jpg", 0, "dog"], ["fox\\00.jpg", 1, "fox"]], "val": [],
                "test": [["dog\\01.jpg", 0, "dog"], ["fox\\01.jpg", 1, "fox"]]})");
  Log log;
  const Split split = load_split({folder.path(), "caltech101", 1, true}, log);
  EXPECT_EQ(paths(split.train), (Paths{"dog/00.jpg", "fox/00.jpg"}));
}

TEST(Walk, ASampleNestedWithoutEndIsRefused) {
  TempFolder folder;
  make_images(folder, {{"a", 4}, {"b", 4}});
  Log log;
  const Split split = load(folder, log);
  const std::string deep = std::string(200'000, '[') + std::string(200'000, ']');
  write_all(folder / "sample.json", R"({"train": [{"path": ")" + split.train[0].path +
                                        R"(", "label": 0, "class": )" + deep + "}]}");
  expect_error(ErrorKind::kContent, {"levels deep"},
               [&] { apply_sample(split, folder / "sample.json"); });
}

}  // namespace
}  // namespace qprompt
