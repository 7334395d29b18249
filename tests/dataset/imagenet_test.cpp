#include <nlohmann/json.hpp>
#include <sstream>

#include "dataset/test_splits.h"

namespace qprompt {
namespace {

using namespace testing;
using Paths = std::vector<std::string>;

class ImageNet : public ::testing::Test {
 protected:
  void SetUp() override { Miniatures(folder_).write("imagenet"); }
  Split load(const std::string& name) { return load_split({folder_.path(), name}, log_); }

  TempFolder folder_;
  Log log_;
};

TEST_F(ImageNet, IsListedByIdWithNamesFromItsFile) {
  const auto before = snapshot(folder_.path());
  for (const std::string& root : {folder_.path(), folder_ / "imagenet"}) {
    const Split split = load_split({root, "imagenet"}, log_);
    EXPECT_EQ(split.class_names, (Paths{"tench", "goldfish", "great white shark", "missile"}));
    EXPECT_EQ(split.image_root, folder_ / "imagenet/images");
    EXPECT_EQ(split.folder, folder_ / "imagenet");
    ASSERT_EQ(split.train.size(), 12u);
    EXPECT_EQ(split.train[0].path, "train/n01440764/a.JPEG");
    EXPECT_EQ(split.train[11].path, "train/n03773504/c.JPEG");
    EXPECT_EQ(split.train[11].label, 3);
    EXPECT_TRUE(split.val.empty());
    EXPECT_EQ(split.test[2].path, "val/n01484850/v.JPEG");
    EXPECT_EQ(labels(split.test), (std::vector<int64_t>{0, 1, 2, 3}));
    EXPECT_FALSE(split.test_only);
  }
  EXPECT_EQ(snapshot(folder_.path()), before);
  EXPECT_EQ(select_half(load("imagenet"), Half::kNew).class_names,
            (Paths{"great white shark", "missile"}));
}

TEST_F(ImageNet, FlatValidationImagesAreExplained) {
  fs::remove_all(folder_ / "imagenet/images/val");
  write_all(folder_ / "imagenet/images/val/ILSVRC2012_val_00000001.JPEG", "");
  expect_error(ErrorKind::kContent, {"images/val' is flat", "1 files", "valprep.sh"},
               [&] { load("imagenet"); });
}

TEST_F(ImageNet, MissingAndSurplusClassesAreNamed) {
  fs::remove_all(folder_ / "imagenet/images/train/n01443537");
  write_all(folder_ / "imagenet/images/train/n99999999/a.JPEG", "");
  expect_error(ErrorKind::kContent,
               {"images/train", "missing: 1 of 4: 'n01443537'", "surplus: 1: 'n99999999'",
                "labels would shift"},
               [&] { load("imagenet"); });
  write_all(folder_ / "imagenet/images/train/n01443537/readme.txt", "");
  fs::remove_all(folder_ / "imagenet/images/train/n99999999");
  expect_error(ErrorKind::kContent, {"n01443537", "no image"}, [&] { load("imagenet"); });
}

TEST_F(ImageNet, WithoutTrainingImagesItCanStillBeTested) {
  fs::remove_all(folder_ / "imagenet/images/train");
  const Split split = load("imagenet");
  EXPECT_TRUE(split.test_only);
  EXPECT_EQ(split.test.size(), 4u);
  EXPECT_NE(warnings_of(log_).find("no train/"), std::string::npos);
  fs::remove_all(folder_ / "imagenet/images/val");
  expect_error(ErrorKind::kPath, {"ImageNet", "images/train or images/val"},
               [&] { load("imagenet"); });
}

TEST_F(ImageNet, ClassNamesMustBeThereAndInOrder) {
  write_all(folder_ / "imagenet/classnames.txt", "n2 tench\nn1 goldfish\n");
  expect_error(ErrorKind::kContent, {"classnames.txt', line 2", "n1 comes after n2"},
               [&] { load("imagenet"); });
  write_all(folder_ / "imagenet/classnames.txt", "n01440764\n");
  expect_error(ErrorKind::kContent, {"classnames.txt', line 1", "class name"},
               [&] { load("imagenet"); });
  write_all(folder_ / "imagenet/classnames.txt", "");
  expect_error(ErrorKind::kContent, {"names no class"}, [&] { load("imagenet"); });
  fs::remove(folder_ / "imagenet/classnames.txt");
  expect_error(ErrorKind::kPath, {"imagenet/classnames.txt", "n01440764 tench"},
               [&] { load("imagenet"); });
}

TEST_F(ImageNet, ItsDrawSaysThatItIsNotCoOps) {
  std::ostringstream out;
  log_ = Log(out, false, false);
  const Split split = load("imagenet");
  EXPECT_EQ(find_coop_sample(split, 1, 1), "");
  EXPECT_EQ(draw_few_shot(split, 1, 1, log_).train.size(), 4u);
  EXPECT_NE(out.str().find("split_fewshot"), std::string::npos) << out.str();
  write_all(folder_ / "imagenet/split_fewshot/shot_1-seed_1.pkl", "");
  EXPECT_EQ(find_coop_sample(split, 1, 1), folder_ / "imagenet/split_fewshot/shot_1-seed_1.pkl");
}

TEST_F(ImageNet, CoOpsOwnDrawIsTakenWhereItsFileIsThere) {
  const Split split = load("imagenet");
  nlohmann::json sample;
  for (const Item& item : split.train) {
    if (item.path.ends_with("c.JPEG")) {
      sample["train"].push_back({{"path", item.path}, {"label", item.label}});
    }
  }
  write_all(folder_ / "imagenet/split_fewshot/shot_1-seed_1.pkl", sample.dump());
  const Split drawn = draw_few_shot(split, 1, 1, log_);
  ASSERT_EQ(drawn.train.size(), 4u);
  for (const Item& item : drawn.train) EXPECT_TRUE(item.path.ends_with("c.JPEG")) << item.path;
  EXPECT_NE(paths(draw_few_shot(split, 1, 2, log_).train), paths(drawn.train)) << "another seed";
}

TEST_F(ImageNet, V2IsNumberedByTheLinesOfTheNames) {
  const std::string set = "imagenetv2/imagenetv2-matched-frequency-format-val/";
  Miniatures(folder_).write("imagenetv2");
  const Split split = load("imagenetv2");
  EXPECT_EQ(split.name, "ImageNetV2");
  EXPECT_TRUE(split.test_only);
  EXPECT_TRUE(split.train.empty());
  EXPECT_EQ(split.class_names[2], "great white shark");
  EXPECT_EQ(split.test.front().path, "0/w.jpeg");
  EXPECT_EQ(split.test.back().path, "3/x.jpeg");
  EXPECT_EQ(labels(split.test), (std::vector<int64_t>{0, 0, 1, 1, 2, 2, 3, 3}));
  fs::remove_all(folder_ / (set + "2"));
  expect_error(ErrorKind::kContent, {"missing: 1 of 4: '2'"}, [&] { load("imagenetv2"); });
}

TEST_F(ImageNet, SketchHasAllClasses) {
  Miniatures(folder_).write("imagenet_sketch");
  const Split split = load("imagenet_sketch");
  EXPECT_TRUE(log_.warnings().empty()) << warnings_of(log_);
  EXPECT_EQ(split.class_names.size(), 4u);
  EXPECT_EQ(split.test.back().path, "n03773504/s.JPEG");
  fs::remove_all(folder_ / "imagenet-sketch/images/n01440764");
  expect_error(ErrorKind::kContent, {"missing: 1 of 4", "n01440764"},
               [&] { load("imagenet_sketch"); });
}

TEST_F(ImageNet, AAndRKeepTheClassesThatAreThere) {
  struct Variant {
    std::string config, name, images, image;
  };
  const std::vector<Variant> sets = {
      {"imagenet_a", "imagenet_a", "imagenet-adversarial/imagenet-a/", "/x.jpg"},
      {"imagenet_r", "ImageNetR", "imagenet-rendition/imagenet-r/", "/x.png"}};
  for (const auto& [config, name, images, image] : sets) {
    Miniatures(folder_).write(config);
    const Split split = load(name);
    EXPECT_EQ(split.class_names, (Paths{"goldfish", "missile"})) << name;
    EXPECT_EQ(paths(split.test), (Paths{"n01443537" + image, "n03773504" + image}));
    EXPECT_EQ(labels(split.test), (std::vector<int64_t>{0, 1}));
    EXPECT_EQ(select_half(split, Half::kNew).class_names, (Paths{"missile"}));
    expect_error(ErrorKind::kUsage, {"test images only", "imagenet"},
                 [&] { draw_few_shot(split, 1, 1, log_); });
    write_all(folder_ / (images + "n99999999/x.jpg"), "");
    expect_error(ErrorKind::kContent, {"n99999999", "not in"}, [&, n = name] { load(n); });
  }
}

TEST_F(ImageNet, OtherClassNamesThanImageNetsAreAWarning) {
  write_all(folder_ / "imagenet-adversarial/imagenet-a/n01440764/x.jpg", "");
  write_all(folder_ / "imagenet-adversarial/imagenet-a/n01443537/x.jpg", "");
  write_all(folder_ / "imagenet-adversarial/classnames.txt",
            "n01440764 fish\nn01443537 goldfish\nn01484850 shark\n");
  EXPECT_EQ(load("imagenet_a").class_names, (Paths{"fish", "goldfish"}));
  EXPECT_NE(warnings_of(log_).find("differ"), std::string::npos) << warnings_of(log_);
}

}  // namespace
}  // namespace qprompt
