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
                           temp / "out", "--cache", "none", "--shots", "all"});
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
