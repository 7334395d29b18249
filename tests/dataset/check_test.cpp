#include "dataset/test_splits.h"

namespace qprompt {
namespace {

using namespace testing;
using Paths = std::vector<std::string>;

std::string all_of(const Paths& lines) {
  std::string out;
  for (const auto& line : lines) out += line + "\n";
  return out;
}

class DataCheck : public ::testing::Test {
 protected:
  void SetUp() override {
    image_ = read_all(QPROMPT_SOURCE_DIR "/tests/data/images/jpeg_444.jpg");
    ASSERT_GT(image_.size(), 100u);
    split_.name = "made up";
    split_.image_root = folder_.path();
    split_.class_names = {"cat", "dog"};
    split_.train = {{"a.jpg", 0}, {"b.jpg", 1}, {"c.jpg", 1}};
    split_.val = {{"d.jpg", 0}};
    split_.test = {{"e.jpg", 0}, {"f.jpg", 1}};
    for (const char* name : {"a", "b", "c", "d", "e", "f"}) {
      write_all(folder_ / (std::string(name) + ".jpg"), image_ + name);  // no two alike
    }
  }

  TempFolder folder_;
  std::string image_;
  Split split_;
  Log log_;
};

TEST_F(DataCheck, ACleanSetIsClean) {
  for (const bool decode : {true, false}) {
    const DataReport report = check_split(split_, {.decode = decode}, log_);
    EXPECT_TRUE(report.clean()) << all_of(report.notes) << all_of(report.unreadable);
    ASSERT_EQ(report.classes.size(), 2u);
    EXPECT_EQ(report.classes[1].name, "dog");
    EXPECT_EQ(report.classes[1].train, 2);
    EXPECT_EQ(report.classes[1].val, 0);
    EXPECT_EQ(report.classes[1].test, 1);
    EXPECT_EQ(report.classes[0].val, 1);
  }
}

TEST_F(DataCheck, MissingAndBrokenImagesAreListedNotThrown) {
  fs::remove(folder_ / "b.jpg");
  write_all(folder_ / "c.jpg", "no image");
  write_all(folder_ / "d.jpg", image_.substr(0, image_.size() / 2));
  write_all(folder_ / "e.jpg", "");
  const DataReport decoded = check_split(split_, {.decode = true}, log_);
  EXPECT_EQ(decoded.missing, (Paths{"b.jpg"}));
  ASSERT_EQ(decoded.unreadable.size(), 3u) << all_of(decoded.unreadable);
  EXPECT_EQ(decoded.unreadable[0].rfind("c.jpg: ", 0), 0u) << decoded.unreadable[0];
  EXPECT_EQ(decoded.unreadable[1].rfind("d.jpg: ", 0), 0u) << decoded.unreadable[1];
  EXPECT_EQ(decoded.unreadable[2].rfind("e.jpg: ", 0), 0u) << decoded.unreadable[2];
  const DataReport headers = check_split(split_, {.decode = false}, log_);
  EXPECT_EQ(headers.unreadable.size(), 2u) << "the truncated one has a good header";
  EXPECT_FALSE(headers.clean());
}

TEST_F(DataCheck, SeveralThreadsReportTheSame) {
  for (int i = 0; i < 40; ++i) {
    split_.train.push_back({cat("more", i, ".jpg"), i % 2});
    if (i % 3 != 0) write_all(folder_ / cat("more", i, ".jpg"), i % 3 == 1 ? image_ : "broken");
  }
  const DataReport one = check_split(split_, {.decode = true, .threads = 1}, log_);
  const DataReport many = check_split(split_, {.decode = true, .threads = 5}, log_);
  EXPECT_EQ(one.missing.size(), 14u);
  EXPECT_EQ(one.unreadable.size(), 13u);
  EXPECT_EQ(one.missing, many.missing);
  EXPECT_EQ(one.unreadable, many.unreadable);
}

TEST_F(DataCheck, CountsThatAreNotThePublishedOnesAreNoted) {
  split_.name = "EuroSAT";
  split_.folder = folder_.path();
  split_.published_split = true;
  const std::string notes = all_of(check_split(split_, {.decode = false}, log_).notes);
  EXPECT_NE(notes.find("2 classes; published: 10"), std::string::npos) << notes;
  EXPECT_NE(notes.find("3 training images; published: 13500"), std::string::npos) << notes;
}

TEST_F(DataCheck, AHeaderBehindManyOtherBlocksIsFound) {
  // 300 KB of comment blocks between the start of the JPEG and the rest.
  std::string padded = image_.substr(0, 2);
  for (int i = 0; i < 5; ++i) padded += "\xff\xfe\xff\xf2" + std::string(65520, 'x');
  write_all(folder_ / "a.jpg", padded + image_.substr(2));
  EXPECT_TRUE(check_split(split_, {.decode = false}, log_).clean());
}

TEST_F(DataCheck, RepeatedImagesAndNamesAreNoted) {
  split_.class_names = {"cat", "cat"};
  split_.train.push_back({"a.jpg", 0});
  split_.test.push_back({"b.jpg", 1});
  const std::string notes = all_of(check_split(split_, {.decode = true}, log_).notes);
  EXPECT_NE(notes.find("'cat' has several labels: 0, 1"), std::string::npos) << notes;
  EXPECT_NE(notes.find("1 image is listed twice among the training images: 'a.jpg'"),
            std::string::npos)
      << notes;
  EXPECT_NE(notes.find("both training and test images: 'b.jpg'"), std::string::npos) << notes;
}

TEST_F(DataCheck, EmptyHalvesAndClassesAreNoted) {
  split_.test.pop_back();
  const std::string notes = all_of(check_split(split_, {.decode = true}, log_).notes);
  EXPECT_NE(notes.find("classes without test image: 'dog'"), std::string::npos) << notes;
  EXPECT_NE(notes.find("the new half has no test images"), std::string::npos) << notes;
  split_.train = {{"a.jpg", 0}};
  const std::string fewer = all_of(check_split(split_, {.decode = true}, log_).notes);
  EXPECT_NE(fewer.find("the new half has no classes"), std::string::npos) << fewer;
  EXPECT_NE(fewer.find("classes without training image: 'dog'"), std::string::npos) << fewer;
}

}  // namespace
}  // namespace qprompt
