#include "dataset/test_splits.h"

namespace qprompt {
namespace {

using namespace testing;
using Paths = std::vector<std::string>;

class Sample : public ::testing::Test {
 protected:
  void SetUp() override {
    split_.name = "made up";
    split_.class_names = {"cat", "dog"};
    split_.train = {{"t0", 0}, {"t1", 1}, {"t2", 0}, {"t3", 1}};
    split_.val = {{"v0", 0}, {"v1", 1}};
    split_.test = {{"e0", 0}, {"e1", 1}};
    sample_["train"] = {{{"path", "t3"}, {"label", 1}, {"class", "dog"}},
                        {{"path", "t0"}, {"label", 0}, {"class", "cat"}}};
  }
  Split apply() {
    write_all(folder_ / "sample.json", sample_.dump());
    return apply_sample(split_, folder_ / "sample.json");
  }
  void refused(const std::vector<std::string>& parts) {
    expect_error(ErrorKind::kContent, parts, [&] { apply(); });
  }

  TempFolder folder_;
  Split split_;
  json sample_;
};

TEST_F(Sample, ReplacesTheTrainingListInItsOrder) {
  const Split sampled = apply();
  EXPECT_EQ(paths(sampled.train), (Paths{"t3", "t0"}));
  EXPECT_EQ(labels(sampled.train), (std::vector<int64_t>{1, 0}));
  EXPECT_EQ(paths(sampled.val), (Paths{"v0", "v1"})) << "none given: as it was";
  EXPECT_EQ(paths(sampled.test), (Paths{"e0", "e1"}));
}

TEST_F(Sample, ReplacesTheValidationListWhereGiven) {
  sample_["val"] = {{{"path", "t2"}, {"label", 0}, {"class", "cat"}}};
  EXPECT_EQ(paths(apply().val), (Paths{"t2"}));
  sample_["val"] = json::array();
  EXPECT_TRUE(apply().val.empty());
}

TEST_F(Sample, ImagesTrainedOnLeaveTheValidationList) {
  sample_["train"].push_back({{"path", "v0"}, {"label", 0}, {"class", "cat"}});
  EXPECT_EQ(paths(apply().val), (Paths{"v1"}));
}

TEST_F(Sample, AnImageOfTheTestListIsRefused) {
  sample_["train"][1]["path"] = "e0";
  refused({"sample.json", "train[1]", "'e0' is a test image"});
}

TEST_F(Sample, EntriesThatDoNotFitTheDataSetAreNamed) {
  sample_["train"][1]["path"] = "none";
  refused({"train[1]", "no image 'none'"});
  sample_["train"][1]["path"] = "t1";
  refused({"train[1]", "'t1' has label 1 in made up, not 0"});
  sample_["train"][1] = {{"path", "t1"}, {"label", 1}, {"class", "cat"}};
  refused({"train[1]", "class 'dog' in made up, not \"cat\""});
  sample_["train"][1] = sample_["train"][0];
  refused({"train[1]", "'t3' is listed twice"});
}

TEST_F(Sample, EveryClassMustBeThere) {
  sample_["train"].erase(1);
  refused({"no image of class 'cat' (label 0)", "all classes"});
}

TEST_F(Sample, WrongTypesAreNamed) {
  sample_["train"][0]["path"] = 3;
  refused({"train[0].path"});
  sample_["train"][0]["path"] = "t3";
  sample_["train"][0]["label"] = "1";
  refused({"train[0].label"});
  sample_["train"][0].erase("label");
  refused({"train[0]", "object with path, label and class"});
  sample_["train"][0] = "t3";
  refused({"train[0]"});
  sample_["train"] = "t3";
  refused({"train must be a list"});
  sample_ = json::array();
  refused({"'train'"});
  write_all(folder_ / "broken.json", "{\"train\": [");
  expect_error(ErrorKind::kContent, {"not valid JSON at byte"},
               [&] { apply_sample(split_, folder_ / "broken.json"); });
  expect_error(ErrorKind::kPath, {"none.json"},
               [&] { apply_sample(split_, folder_ / "none.json"); });
}

}  // namespace
}  // namespace qprompt
