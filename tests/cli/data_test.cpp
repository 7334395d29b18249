#include <algorithm>
#include <nlohmann/json.hpp>

#include "support/run.h"

namespace qprompt::testing_support {
namespace {

using Json = nlohmann::json;

std::string shared_folder() { return std::string(QPROMPT_SOURCE_DIR) + "/../shared/data"; }

/// Class folders with a few of the oracle's images in each.
void make_classes(const std::string& root, const std::vector<std::string>& names, int images) {
  const char* files[] = {"a_odd.jpg", "b_photo.jpg", "c_tall.png", "d_grey.png"};
  for (const std::string& name : names) {
    for (int i = 0; i < images; ++i) {
      const std::string source = tiny_oracle() + "/images/" + files[i % 4];
      write_all(root + "/" + name + "/" + std::to_string(i) + source.substr(source.size() - 4),
                read_all(source));
    }
  }
}

TEST(DataTest, CheckCountsTheDemosImages) {
  const RunResult r = run({"data", "check", "--data", demo_data(), "--json"});
  ASSERT_EQ(r.code, 0) << r.err;
  const Json report = Json::parse(r.out);
  EXPECT_GE(report["classes"].size(), 40u);
  for (const Json& c : report["classes"]) EXPECT_EQ(c["train"], 16) << c["class"];
  EXPECT_TRUE(report["clean"]);
}

TEST(DataTest, CheckNamesMissingAndUnreadableFiles) {
  TempFolder temp;
  make_classes(temp / "set", {"ant", "bee"}, 10);
  write_all(temp / "set/ant/x.jpg", read_all(tiny_oracle() + "/images/b_photo.jpg").substr(0, 900));
  const RunResult r = run({"data", "check", "--data", temp / "set", "--json"});
  EXPECT_EQ(r.code, 3);
  const Json report = Json::parse(r.out);
  ASSERT_EQ(report["unreadable"].size(), 1u);
  EXPECT_NE(report["unreadable"][0].get<std::string>().find("x.jpg"), std::string::npos);
}

TEST(DataTest, OneClassOnlyIsRefused) {
  TempFolder temp;
  make_classes(temp / "set", {"ant"}, 10);
  const RunResult r = run({"train", "--clip", demo_clip(), "--data", temp / "set", "--out",
                           temp / "out", "--cache", "none"});
  EXPECT_EQ(r.code, 3);
  EXPECT_NE(r.err.find("class"), std::string::npos) << r.err;
}

TEST(DataTest, AnEmptyClassFolderIsRefused) {
  TempFolder temp;
  make_classes(temp / "set", {"ant", "bee"}, 10);
  std::filesystem::create_directories(temp / "set/cow");
  const RunResult r = run({"train", "--clip", demo_clip(), "--data", temp / "set", "--out",
                           temp / "out", "--cache", "none"});
  EXPECT_EQ(r.code, 3);
  EXPECT_NE(r.err.find("cow"), std::string::npos) << r.err;
}

TEST(DataTest, ATruncatedTrainingImageIsAnErrorWithItsPath) {
  TempFolder temp;
  make_classes(temp / "set", {"ant", "bee"}, 10);
  for (const auto& entry : std::filesystem::recursive_directory_iterator(temp / "set")) {
    const std::string path = entry.path().string();
    if (entry.path().extension() == ".jpg") write_all(path, read_all(path).substr(0, 700));
  }
  const RunResult r = run({"train", "--clip", demo_clip(), "--data", temp / "set", "--out",
                           temp / "out", "--cache", "none", "--shots", "all", "--strict"});
  EXPECT_EQ(r.code, 3);
  EXPECT_NE(r.err.find("/set/"), std::string::npos) << r.err;
  EXPECT_FALSE(std::filesystem::exists(temp / "out/prompt.qprompt"));
}

TEST(DataTest, ASplitThatNamesMissingFilesIsRefusedWithTheirNames) {
  TempFolder temp;
  write_all(temp / "dtd/split_zhou_DescribableTextures.json",
            R"({"train": [["a/1.jpg", 0, "a"], ["b/1.jpg", 1, "b"]], "val": [],
                "test": [["a/2.jpg", 0, "a"], ["b/2.jpg", 1, "b"]]})");
  std::filesystem::create_directories(temp / "dtd/images");
  const RunResult r = run({"train", "--clip", demo_clip(), "--data", temp.path(), "--dataset",
                           "dtd", "--out", temp / "out", "--cache", "none"});
  EXPECT_EQ(r.code, 4) << r.err;
  EXPECT_NE(r.err.find("a/1.jpg"), std::string::npos) << r.err;
}

TEST(DataTest, SampleDrawsTheRealFewShotLists) {
  const std::string splits = shared_folder() + "/splits/split_zhou_DescribableTextures.json";
  if (!std::filesystem::exists(splits)) GTEST_SKIP() << "no ../shared/data with the real splits";
  TempFolder temp;
  write_all(temp / "dtd/split_zhou_DescribableTextures.json", read_all(splits));
  for (const char* name : {"shot_4-seed_1", "shot_16-seed_3"}) {
    const std::string text(name);
    const std::string shots = text.substr(5, text.find('-') - 5);
    const RunResult r = run({"data", "sample", "--data", temp.path(), "--dataset", "dtd", "--shots",
                             shots, "--seed", text.substr(text.size() - 1), "--json"});
    ASSERT_EQ(r.code, 0) << r.err;
    const Json got = Json::parse(r.out);
    const Json real =
        Json::parse(read_all(shared_folder() + "/few_shot_indices/dtd/" + text + ".json"));
    for (const char* list : {"train", "val"}) {
      const Json& want = real[list]["data"];
      ASSERT_EQ(got[list].size(), want.size());
      for (size_t i = 0; i < want.size(); ++i) {
        const std::string path = want[i]["impath"], root = "/images/";
        EXPECT_EQ(got[list][i]["path"], path.substr(path.find(root) + root.size()));
        EXPECT_EQ(got[list][i]["label"], want[i]["label"]);
      }
    }
  }
}

/// A miniature of CoOp's ImageNet and of ImageNet-A below `root`: four classes, two of them in A.
void make_imagenet(const std::string& root) {
  write_all(
      root + "/imagenet/classnames.txt",
      "n01440764 tench\nn01443537 goldfish\nn01484850 great white shark\nn03773504 missile\n");
  make_classes(root + "/imagenet/images/train",
               {"n01440764", "n01443537", "n01484850", "n03773504"}, 3);
  make_classes(root + "/imagenet/images/val", {"n01440764", "n01443537", "n01484850", "n03773504"},
               2);
  make_classes(root + "/imagenet-adversarial/imagenet-a", {"n01443537", "n03773504"}, 2);
}

TEST(DataTest, AVariantOfImageNetIsScoredWithAPromptOfImageNet) {
  TempFolder temp;
  make_imagenet(temp / "data");
  const std::vector<std::string> common{"--clip",  demo_clip(),    "--data", temp / "data",
                                        "--cache", temp / "cache", "--json"};
  std::vector<std::string> train{"train", "--dataset", "imagenet", "--shots",   "2", "--epochs",
                                 "1",     "--out",     temp / "o", "--threads", "1"};
  train.insert(train.end(), common.begin(), common.end());
  const RunResult trained = run(train);
  ASSERT_EQ(trained.code, 0) << trained.err;
  EXPECT_EQ(Json::parse(trained.out)["train_images"], 8);
  std::vector<std::string> eval{"eval", "--dataset", "imagenet_a", "--prompt",
                                temp / "o/prompt.qprompt"};
  eval.insert(eval.end(), common.begin(), common.end());
  const RunResult scored = run(eval);
  ASSERT_EQ(scored.code, 0) << scored.err;
  const Json result = Json::parse(scored.out);
  EXPECT_EQ(result["data"], "ImageNetA");
  EXPECT_EQ(result["n_classes"], 2);
  EXPECT_EQ(result["results"][0]["total"], 4);
  train[2] = "imagenet_a";
  const RunResult refused = run(train);
  EXPECT_EQ(refused.code, 2);
  EXPECT_NE(refused.err.find("test images only"), std::string::npos) << refused.err;
}

TEST(DataTest, ListNamesAllSetsAndWhatIsThere) {
  const RunResult known = run({"data", "list"});
  ASSERT_EQ(known.code, 0) << known.err;
  EXPECT_NE(known.out.find("1281167"), std::string::npos) << known.out;
  TempFolder temp;
  make_imagenet(temp.path());
  make_classes(temp / "dtd/images", {"banded", "dotted"}, 4);
  write_all(temp / "sun397/split_zhou_SUN397.json", "[");
  const RunResult r = run({"data", "list", "--data", temp.path(), "--json"});
  ASSERT_EQ(r.code, 0) << r.err;
  const Json list = Json::parse(r.out);
  ASSERT_EQ(list.size(), 15u);
  std::map<std::string, Json> sets;
  for (const Json& set : list) sets[set["dataset"]] = set;
  EXPECT_EQ(sets["imagenet"]["state"], "other counts");
  EXPECT_EQ(sets["imagenet"]["found"]["train"], 12);
  EXPECT_EQ(sets["imagenet"]["published"]["train"], 1281167);
  EXPECT_EQ(sets["imagenet_a"]["found"]["classes"], 2);
  EXPECT_EQ(sets["dtd"]["state"], "split here");
  EXPECT_EQ(sets["sun397"]["state"], "unusable");
  EXPECT_EQ(sets["ucf101"]["state"], "absent");
  EXPECT_EQ(run({"data", "list", "--data", temp / "none"}).code, 4);
}

TEST(DataTest, CheckReadsImageNetWithSeveralThreads) {
  TempFolder temp;
  make_imagenet(temp.path());
  write_all(temp / "imagenet/images/val/n01440764/broken.JPEG", "no image");
  const RunResult r = run({"data", "check", "--data", temp.path(), "--dataset", "imagenet",
                           "--threads", "3", "--json"});
  EXPECT_EQ(r.code, 3) << r.err;
  const Json report = Json::parse(r.out);
  ASSERT_EQ(report["unreadable"].size(), 1u);
  EXPECT_EQ(report["classes"].size(), 4u);
  const Json& notes = report["notes"];
  EXPECT_EQ(std::count(notes.begin(), notes.end(), Json("4 classes; published: 1000")), 1) << notes;
}

TEST(DataTest, ASplitMadeHereIsKeptUnderTheCache) {
  TempFolder temp;
  make_classes(temp / "data/dtd/images", {"banded", "dotted"}, 4);
  const RunResult r = run({"zero-shot", "--clip", demo_clip(), "--data", temp / "data", "--dataset",
                           "dtd", "--cache", temp / "cache", "--json"});
  ASSERT_EQ(r.code, 0) << r.err;
  EXPECT_NE(r.err.find("published file"), std::string::npos) << r.err;
  EXPECT_EQ(Json::parse(r.out)["results"][0]["total"], 2);
  EXPECT_TRUE(std::filesystem::exists(temp / "cache/splits"));
}

TEST(DataTest, AnExplicitSampleTrainsAsTheDrawItCameFrom) {
  TempFolder temp;
  const RunResult sample =
      run({"data", "sample", "--data", demo_data(), "--shots", "2", "--seed", "5", "--json"});
  ASSERT_EQ(sample.code, 0) << sample.err;
  write_all(temp / "sample.json", sample.out);
  const std::vector<std::string> common{
      "train",    "--clip", demo_clip(), "--data",    demo_data(), "--cache", temp / "cache",
      "--epochs", "2",      "--quiet",   "--threads", "1",         "--seed",  "5"};
  auto drawn = common, listed = common;
  drawn.insert(drawn.end(), {"--shots", "2", "--out", temp / "drawn"});
  listed.insert(listed.end(),
                {"--shots", "2", "--sample", temp / "sample.json", "--out", temp / "listed"});
  ASSERT_EQ(run(drawn).code, 0);
  ASSERT_EQ(run(listed).code, 0);
  EXPECT_EQ(read_all(temp / "drawn/prompt.qprompt"), read_all(temp / "listed/prompt.qprompt"));
}

}  // namespace
}  // namespace qprompt::testing_support
