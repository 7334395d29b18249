// Every setting of a preprocessor file is taken over, or refused by its name.
#include <cstdlib>
#include <nlohmann/json.hpp>

#include "checkpoint/find_model.h"
#include "support/small_clip.h"

namespace qprompt {
namespace {

using nlohmann::json;
using testing_support::error_of;
using testing_support::expect_contains;
using testing_support::oracle_file;
using testing_support::read_all;
using testing_support::with_test_vocabulary;
using testing_support::write_all;

/// The tiny Hugging Face folder, which takes pictures of 32 pixels, with a preprocessor's file.
class Preprocess : public ::testing::Test {
 protected:
  void SetUp() override {
    write_all(folder_ / "config.json", read_all(oracle_file("hf/config.json")));
    std::filesystem::create_symlink(oracle_file("hf/model.safetensors"),
                                    folder_ / "model.safetensors");
    size_ = Clip::load(folder_.path(), with_test_vocabulary()).config().image_size;
    usual_ = {{"do_resize", true},
              {"size", {{"shortest_edge", size_}}},
              {"resample", 3},
              {"do_center_crop", true},
              {"crop_size", {{"height", size_}, {"width", size_}}},
              {"do_rescale", true},
              {"rescale_factor", 0.00392156862745098},
              {"do_normalize", true},
              {"do_convert_rgb", true},
              {"image_mean", {0.5, 0.25, 0.125}},
              {"image_std", {0.5, 0.5, 0.25}},
              {"image_processor_type", "CLIPImageProcessor"}};
  }
  ClipConfig with(const json& changes, const std::string& name = "preprocessor_config.json") {
    json file = usual_;
    if (!changes.is_null()) file.update(changes);
    write_all(folder_ / name,
              name[3] == 'c' ? json{{"image_processor", file}}.dump() : file.dump());
    return Clip::load(folder_.path(), with_test_vocabulary()).config();
  }
  void expect_refused(const json& changes, const std::string& name) {
    SCOPED_TRACE(changes.dump());
    expect_contains(error_of([&] { with(changes); }, ErrorKind::kContent), "'" + name + "'");
  }

  testing_support::TempFolder folder_;
  int64_t size_ = 0;
  json usual_;
};

TEST_F(Preprocess, TheUsualFileChangesNumbersOnly) {
  const ClipConfig config = with({});
  EXPECT_EQ(config.transform, TestTransform{});
  EXPECT_EQ(config.normalization.mean[1], 0.25);
  EXPECT_EQ(config.normalization.std[2], 0.25);
  EXPECT_EQ(config.normalization.divisor, 255.0);
}

TEST_F(Preprocess, SizesAndFiltersAreTakenOver) {
  const int64_t larger = size_ + 8;
  EXPECT_EQ(with({{"size", {{"shortest_edge", larger}}}}).transform.shorter_side, larger);
  EXPECT_EQ(with({{"size", larger}}).transform.shorter_side, larger);
  const json square{{"size", {{"height", size_}, {"width", size_}}}};
  EXPECT_TRUE(with(square).transform.squash);
  json uncropped = square;
  uncropped.update({{"do_center_crop", false}, {"crop_size", nullptr}});
  EXPECT_TRUE(with(uncropped).transform.squash);
  EXPECT_EQ(with({{"resample", 2}}).transform.resampling, Resampling::kBilinear);
  EXPECT_EQ(with({{"resample", 0}}).transform.resampling, Resampling::kNearest);
}

TEST_F(Preprocess, NumbersAreTakenOver) {
  const ClipConfig plain = with({{"do_normalize", false}, {"do_rescale", false}});
  EXPECT_EQ(plain.normalization.divisor, 1.0);
  EXPECT_EQ(plain.normalization.mean[0], 0.0);
  EXPECT_EQ(plain.normalization.std[0], 1.0);
  EXPECT_NEAR(with({{"rescale_factor", 1.0 / 127.5}}).normalization.divisor, 127.5, 1e-9);
}

TEST_F(Preprocess, VersionFivesNestedFileGoesFirst) {
  with({{"image_mean", {0, 0, 0}}});
  EXPECT_EQ(with({}, "processor_config.json").normalization.mean[1], 0.25);
}

TEST_F(Preprocess, WhatIsNotSupportedIsRefusedByItsName) {
  expect_refused({{"size", {{"longest_edge", size_}}}}, "size");
  expect_refused({{"size", {{"shortest_edge", size_ - 1}}}}, "size");
  expect_refused({{"size", {{"height", size_}, {"width", size_ + 1}}}}, "size");
  expect_refused({{"crop_size", size_ + 1}}, "crop_size");
  expect_refused({{"do_center_crop", false}}, "do_center_crop");
  expect_refused({{"do_resize", false}}, "do_resize");
  expect_refused({{"resample", 7}}, "resample");
  expect_refused({{"resample", "bicubic"}}, "resample");
  expect_refused({{"rescale_factor", 0}}, "rescale_factor");
  expect_refused({{"do_pad", true}}, "do_pad");
  expect_refused({{"do_normalize", "yes"}}, "do_normalize");
  expect_refused({{"image_processor_type", "SiglipImageProcessor"}}, "image_processor_type");
}

/// Points the places of downloads into a temporary folder, and back afterwards.
class FindModel : public ::testing::Test {
 protected:
  void SetUp() override {
    for (const char* name : {"HOME", "HF_HOME", "HF_HUB_CACHE", "XDG_CACHE_HOME"}) {
      const char* value = std::getenv(name);
      saved_.emplace_back(name, value != nullptr ? value : "", value != nullptr);
      ::unsetenv(name);
    }
    ::setenv("HOME", folder_.path().c_str(), 1);
  }
  void TearDown() override {
    for (const auto& [name, value, was_set] : saved_) {
      was_set ? ::setenv(name.c_str(), value.c_str(), 1) : ::unsetenv(name.c_str());
    }
  }
  testing_support::TempFolder folder_;
  std::vector<std::tuple<std::string, std::string, bool>> saved_;
};

TEST_F(FindModel, OpenAisNamesAreFoundWhereClipDownloadsTo) {
  const std::string file = folder_ / ".cache/clip/ViT-B-16.pt";
  write_all(file, "x");
  for (const char* name : {"ViT-B/16", "ViT-B-16", "ViT-B-16/openai", "ViT-B-16:openai"}) {
    EXPECT_EQ(find_model(name).path, file) << name;
  }
  const std::string large = folder_ / ".cache/clip/ViT-L-14-336px.pt";
  write_all(large, "x");
  EXPECT_EQ(find_model("ViT-L/14@336px").path, large);
}

TEST_F(FindModel, OpenClipsTagsSayTheirActivation) {
  const std::string file = folder_ / ".cache/clip/vit_b_16-laion400m_e32-55e67d44.pt";
  write_all(file, "x");
  EXPECT_EQ(find_model("ViT-B-16/laion400m_e32").path, file);
  EXPECT_EQ(find_model("ViT-B-16/laion400m_e32").activation, "gelu");
}

TEST_F(FindModel, RepositoriesAreFoundInHuggingFacesCache) {
  const std::string folder = folder_ / "hub/models--laion--CLIP-ViT-B-16-laion2B-s34B-b88K";
  write_all(folder + "/snapshots/aaa/config.json", "{}");
  write_all(folder + "/snapshots/bbb/config.json", "{}");
  ::setenv("HF_HOME", folder_.path().c_str(), 1);
  const std::string repository = "laion/CLIP-ViT-B-16-laion2B-s34B-b88K";
  EXPECT_EQ(find_model(repository).path, folder + "/snapshots/bbb");
  write_all(folder + "/refs/main", "aaa\n");
  EXPECT_EQ(find_model(repository).path, folder + "/snapshots/aaa");
  EXPECT_EQ(find_model("ViT-B-16/laion2b_s34b_b88k").path, folder + "/snapshots/aaa");
}

TEST_F(FindModel, WhatIsNotHereIsToldWithItsSourceAndDigest) {
  const std::string message = error_of([] { find_model("ViT-B/32"); }, ErrorKind::kPath);
  for (const std::string& part :
       {folder_ / ".cache/clip/ViT-B-32.pt", std::string("openai/clip-vit-base-patch32"),
        std::string("40d365715913c9da98579312b702a82c18be219cc2a73407c4526f58eba950af")}) {
    expect_contains(message, part);
  }
  expect_contains(error_of([] { find_model("org/model"); }, ErrorKind::kPath), "org/model");
  expect_contains(error_of([] { find_model("/no/such.pt"); }, ErrorKind::kPath), "/no/such.pt");
}

TEST_F(FindModel, WhatExistsIsTakenAsItIs) {
  EXPECT_EQ(find_model(folder_.path()).path, folder_.path());
}

}  // namespace
}  // namespace qprompt
