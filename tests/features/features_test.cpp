#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>

#include "features/impl/cache_folder.h"
#include "features/impl/contents.h"
#include "qprompt/features.h"
#include "support/tiny_clip.h"

namespace qprompt {
namespace {

using testing_support::open_tiny_clip;
using testing_support::read_all;
using testing_support::TempFolder;
using testing_support::tiny_oracle;
using testing_support::write_all;

/// A folder with copies of three of the oracle's images.
class FeaturesTest : public ::testing::Test {
 protected:
  void SetUp() override {
    for (const char* name : {"a_odd.jpg", "b_photo.jpg", "d_grey.png"}) {
      write_all(folder_ / ("images/" + std::string(name)),
                read_all(tiny_oracle() + "/images/" + name));
      split_.train.push_back({name, 0});
    }
    split_.image_root = folder_ / "images";
    split_.class_names = {"thing"};
    options_.cache = folder_ / "cache";
  }
  FeatureSet test_view() {
    return test_features(clip_, split_.image_root, split_.train, options_, log_);
  }
  FeatureSet views(int64_t count, uint64_t seed) {
    return train_features(clip_, split_, {count, seed}, options_, log_);
  }
  std::string cache_file() {
    for (const auto& e : std::filesystem::recursive_directory_iterator(options_.cache)) {
      if (e.is_regular_file()) return e.path().string();
    }
    return "";
  }

  TempFolder folder_;
  Clip clip_ = open_tiny_clip();
  Split split_;
  FeatureOptions options_;
  Log log_;
};

TEST_F(FeaturesTest, ASecondPassReadsTheSameRowsFromDisk) {
  const FeatureSet first = test_view(), second = test_view();
  EXPECT_EQ(first.encoded, 3);
  EXPECT_EQ(second.encoded, 0);
  EXPECT_TRUE(at::equal(first.features, second.features));
}

TEST_F(FeaturesTest, ListsShareRowsAndOrderIsTheLists) {
  const FeatureSet whole = test_view();
  std::swap(split_.train[0], split_.train[2]);
  split_.train.pop_back();
  const FeatureSet part = test_view();
  EXPECT_EQ(part.encoded, 0);
  EXPECT_TRUE(at::equal(part.features[0][0], whole.features[0][2]));
}

TEST_F(FeaturesTest, ViewsDifferByNumberAndSeedAndRepeat) {
  const FeatureSet a = views(2, 1), b = views(2, 2), again = views(2, 1);
  EXPECT_EQ(a.features.size(0), 2);
  EXPECT_EQ(a.encoded, 6);
  EXPECT_EQ(again.encoded, 0);
  EXPECT_TRUE(at::equal(a.features, again.features));
  EXPECT_FALSE(at::equal(a.features[0], a.features[1]));
  EXPECT_FALSE(at::equal(a.features, b.features));
}

TEST_F(FeaturesTest, ADamagedCacheFileIsReportedAndNotUsed) {
  const FeatureSet first = test_view();
  const std::string path = cache_file();
  std::string bytes = read_all(path);
  bytes[bytes.size() - 3] ^= 0x40;
  write_all(path, bytes);
  const FeatureSet second = test_view();
  EXPECT_EQ(second.encoded, 3);
  EXPECT_TRUE(at::equal(first.features, second.features));
  ASSERT_FALSE(log_.warnings().empty());
  EXPECT_NE(log_.warnings().back().find(path), std::string::npos);
  write_all(cache_file(), bytes.substr(0, bytes.size() / 2));
  EXPECT_EQ(test_view().encoded, 3);
}

TEST_F(FeaturesTest, AChangedImageIsEncodedAgain) {
  test_view();
  write_all(folder_ / "images/a_odd.jpg", read_all(tiny_oracle() + "/images/h_large.jpg"));
  EXPECT_EQ(test_view().encoded, 1);
}

TEST_F(FeaturesTest, BrokenImagesAreCountedOrAreErrors) {
  write_all(folder_ / "images/b_photo.jpg",
            read_all(tiny_oracle() + "/images/b_photo.jpg").substr(0, 500));
  EXPECT_THROW(test_view(), Error);
  options_.skip_broken = true;
  const FeatureSet set = test_view();
  EXPECT_EQ(set.kept, (std::vector<int64_t>{0, 2}));
  ASSERT_EQ(set.failed.size(), 1u);
  EXPECT_NE(set.failed[0].find("b_photo.jpg"), std::string::npos);
  EXPECT_EQ(views(1, 1).kept, set.kept) << "training leaves the same ones out";
}

TEST_F(FeaturesTest, NoCacheWritesNothing) {
  options_.cache = "none";
  EXPECT_EQ(test_view().encoded, 3);
  EXPECT_EQ(test_view().encoded, 3);
  EXPECT_FALSE(std::filesystem::exists(folder_ / "cache"));
}

TEST_F(FeaturesTest, ACacheThatCannotBeWrittenIsAWarning) {
  options_.cache = "/dev/null/cache";
  EXPECT_EQ(test_view().encoded, 3);
  ASSERT_FALSE(log_.warnings().empty());
}

namespace fs = std::filesystem;

TEST_F(FeaturesTest, EqualNamesSizesAndTimesInAnotherFolderAreOtherImages) {
  const FeatureSet first = test_view();
  const std::string other = folder_ / "other", name = "/a_odd.jpg";
  write_all(other + "/d_grey.png", read_all(split_.image_root + "/d_grey.png"));
  std::string tiny = read_all(tiny_oracle() + "/images/g_tiny.png");
  tiny.resize(fs::file_size(split_.image_root + name), '\0');
  write_all(other + name, tiny);
  fs::last_write_time(other + name, fs::last_write_time(split_.image_root + name));
  const FeatureSet second =
      test_features(clip_, other, {{"a_odd.jpg", 0}, {"d_grey.png", 0}}, options_, log_);
  EXPECT_EQ(second.encoded, 1) << "the same bytes in another place are known";
  EXPECT_FALSE(at::equal(second.features[0][0], first.features[0][0]));
  EXPECT_TRUE(at::equal(second.features[0][1], first.features[0][2]));
}

TEST_F(FeaturesTest, ARowDoesNotDependOnWhatElseWasEncodedWithIt) {
  const FeatureSet together = test_view();
  for (size_t i = 0; i < split_.train.size(); ++i) {
    options_.cache = folder_ / cat("alone", i);
    const FeatureSet alone =
        test_features(clip_, split_.image_root, {split_.train[i]}, options_, log_);
    EXPECT_TRUE(at::equal(alone.features[0][0], together.features[0][static_cast<int64_t>(i)]));
  }
}

TEST_F(FeaturesTest, TheCacheIsTheUsersAlone) {
  test_view();
  struct stat found {};
  ASSERT_EQ(::stat(options_.cache.c_str(), &found), 0);
  EXPECT_EQ(found.st_mode & 0777, 0700u);
}

TEST_F(FeaturesTest, ACacheOfAnotherUserIsNeitherReadNorWritten) {
  if (::geteuid() != 0) GTEST_SKIP() << "only root can give a folder away";
  test_view();
  ASSERT_EQ(::chown(options_.cache.c_str(), 12345, 12345), 0);
  EXPECT_EQ(test_view().encoded, 3);
  ASSERT_FALSE(log_.warnings().empty());
  EXPECT_NE(log_.warnings().back().find("another user"), std::string::npos);
}

TEST_F(FeaturesTest, TheOldestFilesGoWhenTheCacheIsFull) {
  options_.cache_mb = 0;
  EXPECT_EQ(test_view().encoded, 3);
  EXPECT_EQ(cache_file(), "");
  write_all(options_.cache + "/features/notes.safetensors", "the user's");
  trim_cache(options_.cache, 0);
  EXPECT_NE(cache_file(), "") << "a file that the cache did not write";
}

TEST_F(FeaturesTest, AFileIsReadOnceUntilItChanges) {
  const std::string index = folder_ / "index";
  const auto digest = [&](const std::string& path, int64_t expected_reads) {
    Contents contents(index, split_.image_root, log_, 0);
    const Digest::Bytes bytes = contents.digest(path);
    contents.save(log_);
    EXPECT_EQ(contents.reads(), expected_reads);
    return bytes;
  };
  const Digest::Bytes first = digest("a_odd.jpg", 1);
  EXPECT_EQ(digest("a_odd.jpg", 0), first);
  const std::string path = split_.image_root + "/a_odd.jpg";
  const auto time = fs::last_write_time(path);
  std::string bytes = read_all(path);
  bytes.back() ^= 1;
  write_all(path, bytes);
  fs::last_write_time(path, time);  // as a copy that keeps times would
  EXPECT_NE(digest("a_odd.jpg", 1), first);
}

}  // namespace
}  // namespace qprompt
