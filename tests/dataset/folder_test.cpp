#include <sstream>

#include "dataset/test_splits.h"

namespace qprompt {
namespace {

using namespace testing;
using Paths = std::vector<std::string>;

Split load(const TempFolder& folder, Log& log, uint64_t seed = 1) {
  return load_split({folder.path(), "", seed, true}, log);
}

TEST(PlainFolder, IsSplitAsCPythonWouldSplitTheSortedNames) {
  TempFolder folder;
  for (int i = 0; i < 11; ++i) write_all(folder / ("cat/" + std::to_string(i) + ".jpg"), "");
  for (int i = 0; i < 5; ++i) write_all(folder / ("Dog/b" + std::to_string(i) + ".png"), "");
  for (const char* name : {"x.webp", "A.jpg", "c.JPEG", "b.jpg"}) {
    write_all(folder / ("ant/" + std::string(name)), "");
  }
  std::ostringstream out;
  Log log(out, false, false);
  const Split split = load(folder, log);
  EXPECT_EQ(split.class_names, (Paths{"Dog", "ant", "cat"})) << "byte-wise order";
  EXPECT_EQ(paths(split.train),
            (Paths{"Dog/b2.png", "Dog/b3.png", "ant/A.jpg", "ant/c.JPEG", "cat/6.jpg", "cat/4.jpg",
                   "cat/10.jpg", "cat/3.jpg", "cat/8.jpg", "cat/0.jpg"}));
  EXPECT_EQ(paths(split.val), (Paths{"Dog/b4.png", "ant/b.jpg", "cat/7.jpg", "cat/1.jpg"}));
  EXPECT_EQ(paths(split.test), (Paths{"Dog/b0.png", "Dog/b1.png", "ant/x.webp", "cat/2.jpg",
                                      "cat/5.jpg", "cat/9.jpg"}));
  EXPECT_EQ(labels(split.val), (std::vector<int64_t>{0, 1, 2, 2}));
  EXPECT_EQ(split.image_root, folder.path());
  EXPECT_EQ(split.name, fs::path(folder.path()).filename().string());
  EXPECT_NE(out.str().find("50/20/30"), std::string::npos) << out.str();
  EXPECT_NE(out.str().find("seed 1"), std::string::npos) << out.str();
  EXPECT_TRUE(log.warnings().empty()) << warnings_of(log);
}

TEST(PlainFolder, AnotherSeedGivesAnotherSplit) {
  TempFolder folder;
  make_images(folder, {{"a", 20}, {"b", 20}});
  Log log;
  EXPECT_NE(paths(load(folder, log, 1).train), paths(load(folder, log, 2).train));
  EXPECT_EQ(paths(load(folder, log, 2).train), paths(load(folder, log, 2).train));
}

TEST(PlainFolder, ClassesTooSmallForATestImageAreNamed) {
  TempFolder folder;
  make_images(folder, {{"a", 3}, {"b", 4}, {"c", 2}});
  Log log;
  EXPECT_EQ(labels(load(folder, log).test), (std::vector<int64_t>{1, 2}));
  EXPECT_NE(warnings_of(log).find("test image: 'a'\n"), std::string::npos) << warnings_of(log);
}

TEST(PlainFolder, ATrailingSlashAndARelativePathMakeNoDifference) {
  TempFolder folder;
  make_images(folder, {{"set/a", 4}, {"set/b", 4}});
  Log log;
  for (const std::string& root : {folder / "set/", folder / "set/.", folder / "x/../set"}) {
    const Split split = load_split({root, "", 1, true}, log);
    EXPECT_EQ(split.name, "set") << root;
    EXPECT_EQ(split.image_root, folder / "set") << root;
  }
}

TEST(PlainFolder, WithTrainValAndTestIsTakenAsGiven) {
  TempFolder folder;
  make_images(folder, {{"train/cat", 3},
                       {"train/dog", 2},
                       {"val/cat", 1},
                       {"val/dog", 1},
                       {"test/cat", 2},
                       {"test/dog", 2}});
  Log log;
  const Split split = load(folder, log);
  EXPECT_EQ(split.class_names, (Paths{"cat", "dog"}));
  EXPECT_EQ(paths(split.train), (Paths{"train/cat/00.jpg", "train/cat/01.jpg", "train/cat/02.jpg",
                                       "train/dog/00.jpg", "train/dog/01.jpg"}));
  EXPECT_EQ(labels(split.train), (std::vector<int64_t>{0, 0, 0, 1, 1}));
  EXPECT_EQ(split.val.size(), 2u);
  EXPECT_EQ(split.test.size(), 4u);
  EXPECT_TRUE(log.warnings().empty()) << warnings_of(log);
}

TEST(PlainFolder, WithoutValOrTestLoadsAndSaysWhatIsMissing) {
  TempFolder folder;
  make_images(folder, {{"train/cat", 3}, {"train/dog", 2}});
  Log log;
  const Split split = load(folder, log);
  EXPECT_TRUE(split.val.empty());
  EXPECT_TRUE(split.test.empty());
  EXPECT_NE(warnings_of(log).find("no images in test/"), std::string::npos) << warnings_of(log);
}

TEST(PlainFolder, AClassWithoutTestImagesIsAWarning) {
  TempFolder folder;
  make_images(folder, {{"train/cat", 3}, {"train/dog", 2}, {"test/dog", 2}});
  Log log;
  EXPECT_EQ(labels(load(folder, log).test), (std::vector<int64_t>{1, 1}));
  EXPECT_NE(warnings_of(log).find("'cat'"), std::string::npos) << warnings_of(log);
}

TEST(PlainFolder, AClassThatOnlyTestHasIsAnErrorThatNamesIt) {
  TempFolder folder;
  make_images(folder, {{"train/cat", 3}, {"train/dog", 2}, {"test/dog", 2}, {"test/fox", 1}});
  Log log;
  expect_error(ErrorKind::kContent, {"test/fox", "does not have"}, [&] { load(folder, log); });
}

TEST(PlainFolder, TestWithoutTrainIsAnError) {
  TempFolder folder;
  make_images(folder, {{"test/dog", 2}, {"test/fox", 1}});
  Log log;
  expect_error(ErrorKind::kContent, {"no train/"}, [&] { load(folder, log); });
}

TEST(PlainFolder, AClassMayBeCalledTrain) {
  TempFolder folder;
  make_images(folder, {{"bus", 4}, {"test", 4}, {"train", 4}});
  Log log;
  EXPECT_EQ(load(folder, log).class_names, (Paths{"bus", "test", "train"}));
}

TEST(PlainFolder, HiddenAndOtherFilesAreLeftOutAndCounted) {
  TempFolder folder;
  make_images(folder, {{"a", 4}, {"b", 4}, {".git", 2}, {"a/.thumbs", 1}});
  write_all(folder / "a/.hidden.jpg", "");
  write_all(folder / "a/notes.txt", "");
  write_all(folder / "b/x.jpg.part", "");
  write_all(folder / "readme.md", "");
  std::ostringstream out;
  Log log(out, false, false);
  const Split split = load(folder, log);
  EXPECT_EQ(split.train.size() + split.val.size() + split.test.size(), 8u);
  EXPECT_EQ(split.class_names, (Paths{"a", "b"}));
  EXPECT_NE(out.str().find("3 hidden and 3 other"), std::string::npos) << out.str();
}

TEST(PlainFolder, FoldersBelowClassesAreNotDescendedInto) {
  TempFolder folder;
  make_images(folder, {{"a", 4}, {"b", 4}, {"b/more", 4}});
  Log log;
  const Split split = load(folder, log);
  EXPECT_EQ(split.train.size() + split.val.size() + split.test.size(), 8u);
  EXPECT_NE(warnings_of(log).find("b/more"), std::string::npos) << warnings_of(log);
}

TEST(PlainFolder, LinksInCirclesAreHarmlessAndLinksToFoldersCount) {
  TempFolder folder;
  make_images(folder, {{"set/a", 4}, {"elsewhere", 4}});
  fs::create_directory_symlink(folder / "elsewhere", folder / "set/b");
  fs::create_directory_symlink("loop", folder / "set/loop");
  fs::create_directory_symlink(folder / "set", folder / "set/a/up");
  fs::create_symlink("nowhere.jpg", folder / "set/a/nowhere.jpg");
  Log log;
  const Split split = load_split({folder / "set", "", 1, false}, log);
  EXPECT_EQ(split.class_names, (Paths{"a", "b"}));
  expect_error(ErrorKind::kPath, {"1 of the 9 images", "a/nowhere.jpg"}, [&] {
    load_split({folder / "set", "", 1, true}, log);
  });
}

TEST(PlainFolder, EmptySingleAndMissingClassesAreErrors) {
  Log log;
  TempFolder empty;
  expect_error(ErrorKind::kContent, {"no sub-folders"}, [&] { load(empty, log); });
  make_images(empty, {{"a", 4}, {"b", 0}});
  expect_error(ErrorKind::kContent, {cat("'", empty / "b", "'"), "no image"},
               [&] { load(empty, log); });
  TempFolder one;
  make_images(one, {{"a", 4}});
  expect_error(ErrorKind::kContent, {"one class only", "'a'"}, [&] { load(one, log); });
  make_images(one, {{"b", 1}});
  expect_error(ErrorKind::kContent, {"single image", "/b'"}, [&] { load(one, log); });
  TempFolder given;
  make_images(given, {{"train/a", 4}, {"train/b", 0}});
  expect_error(ErrorKind::kContent, {"train/b", "no image"}, [&] { load(given, log); });
}

TEST(PlainFolder, AFolderThatIsMissingOrAFileIsAboutThePath) {
  Log log;
  TempFolder folder;
  write_all(folder / "file", "");
  for (const std::string& root : {folder / "none", folder / "file", std::string()}) {
    expect_error(ErrorKind::kPath, {cat("'", root, "'")}, [&] {
      load_split({root, "", 1, true}, log);
    });
  }
}

TEST(PlainFolder, ASetInCoOpsLayoutMustBeNamed) {
  Log log;
  TempFolder folder;
  make_images(folder, {{"images", 4}, {"annotations", 1}});
  write_all(folder / "split_zhou_OxfordPets.json", "{}");
  expect_error(ErrorKind::kUsage, {"--dataset oxford_pets"}, [&] { load(folder, log); });
}

TEST(PlainFolder, NothingIsWrittenIntoTheDataFolder) {
  TempFolder folder;
  make_images(folder, {{"a", 6}, {"b", 6}});
  for (const auto& entry : fs::recursive_directory_iterator(folder.path())) {
    fs::permissions(entry.path(), fs::perms::owner_read | fs::perms::owner_exec);
  }
  fs::permissions(folder.path(), fs::perms::owner_read | fs::perms::owner_exec);
  const auto before = snapshot(folder.path());
  Log log;
  const Split split = load(folder, log);
  draw_few_shot(split, 2, 1, log);
  check_split(split, {.decode = false}, log);
  EXPECT_EQ(snapshot(folder.path()), before);
  for (const char* name : {"", "a", "b"}) {
    fs::permissions(folder / name, fs::perms::owner_all);
  }
}

}  // namespace
}  // namespace qprompt
