#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>

#include "features/impl/stream.h"
#include "qprompt/features.h"
#include "support/tiny_clip.h"

namespace qprompt {
namespace {

using testing_support::open_tiny_clip;

/// Pixels (3, R, R) that tell the item.
at::Tensor pixels_of(const Clip& clip, int64_t item) {
  const int64_t size = clip.config().image_size;
  return at::arange(3 * size * size, at::kFloat)
      .mul_(0.001 * double(item + 1))
      .sin_()
      .view({3, size, size});
}

std::vector<at::Tensor> encode_all(const Clip& clip, int64_t count, int64_t threads) {
  std::vector<at::Tensor> rows;
  const auto load = [&](int64_t i) {
    // Later items are ready first where several threads load.
    std::this_thread::sleep_for(std::chrono::microseconds(i % 3 == 0 ? 900 : 50));
    return pixels_of(clip, i);
  };
  encode_stream(clip, {count, load}, {4, threads}, [&](int64_t i, const Encoded& encoded) {
    EXPECT_EQ(i, static_cast<int64_t>(rows.size()));
    rows.push_back(encoded.features);
  });
  return rows;
}

TEST(StreamTest, AnyNumberOfThreadsGivesTheSerialOrderAndTheSameBytes) {
  const Clip clip = open_tiny_clip();
  const auto serial = encode_all(clip, 23, 1), parallel = encode_all(clip, 23, 5);
  ASSERT_EQ(serial.size(), 23u);
  ASSERT_EQ(parallel.size(), 23u);
  for (size_t i = 0; i < serial.size(); ++i) {
    EXPECT_TRUE(at::equal(serial[i], parallel[i])) << i;
  }
  const at::Tensor alone = clip.encode_image(pixels_of(clip, 7).unsqueeze(0))[0];  // (E)
  EXPECT_TRUE(at::equal(serial[7], alone));
}

TEST(StreamTest, BrokenItemsKeepTheirPlaceAndTheirError) {
  const Clip clip = open_tiny_clip();
  std::vector<std::string> seen;
  const auto load = [&](int64_t i) {
    if (i % 2 == 1) fail(ErrorKind::kPath, "item ", i, " is not there");
    return pixels_of(clip, i);
  };
  encode_stream(clip, {7, load}, {3, 3}, [&](int64_t i, const Encoded& encoded) {
    EXPECT_EQ(encoded.features.defined(), i % 2 == 0);
    if (!encoded.features.defined()) {
      EXPECT_EQ(encoded.kind, ErrorKind::kPath);
      seen.push_back(encoded.reason);
    }
  });
  EXPECT_EQ(seen, (std::vector<std::string>{"item 1 is not there", "item 3 is not there",
                                            "item 5 is not there"}));
}

TEST(StreamTest, NoMoreThanTheQueueHoldsIsLoadedAhead) {
  std::atomic<int64_t> loaded{0};
  const auto load = [&](int64_t) {
    ++loaded;
    return at::zeros({1});
  };
  Prefetch prefetch({1000, load}, 4, 8);
  for (int i = 0; i < 3; ++i) prefetch.next();
  std::this_thread::sleep_for(std::chrono::milliseconds(20));
  EXPECT_LE(loaded, 3 + 8);
}

TEST(StreamTest, AnErrorOfTheUserEndsTheStreamAndItsThreads) {
  const Clip clip = open_tiny_clip();
  std::atomic<int64_t> loaded{0};
  const auto load = [&](int64_t i) {
    ++loaded;
    return pixels_of(clip, i);
  };
  const auto use = [](int64_t i, const Encoded&) {
    if (i == 2) fail(ErrorKind::kContent, "enough");
  };
  EXPECT_THROW(encode_stream(clip, {1000, load}, {2, 3}, use), Error);
  EXPECT_LT(loaded, 20);
}

TEST(StreamTest, WhatIsNoErrorOfAnImageIsThrownOn) {
  const auto load = [](int64_t) -> at::Tensor { throw std::bad_alloc(); };
  Prefetch prefetch({4, load}, 2, 2);
  EXPECT_THROW(prefetch.next(), std::bad_alloc);
}

TEST(StreamTest, FilesAreEncodedInTheirOrderAndBadOnesNamed) {
  const Clip clip = open_tiny_clip();
  const std::string images = testing_support::tiny_oracle() + "/images/";
  const std::vector<std::string> paths{images + "a_odd.jpg", images + "missing.jpg",
                                       images + "d_grey.png"};
  FeatureOptions options;
  options.threads = 2;
  std::vector<FileFeatures> results;
  encode_files(clip, paths, options, [&](size_t i, const FileFeatures& file) {
    EXPECT_EQ(i, results.size());
    results.push_back(file);
  });
  ASSERT_EQ(results.size(), 3u);
  EXPECT_TRUE(results[0].features.defined());
  EXPECT_EQ(results[1].kind, ErrorKind::kPath);
  EXPECT_NE(results[1].error.find("missing.jpg"), std::string::npos);
  EXPECT_EQ(results[2].features.numel(), clip.config().embed_dim);
}

}  // namespace
}  // namespace qprompt
