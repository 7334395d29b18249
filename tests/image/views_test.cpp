#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "base/runtime.h"
#include "image/support.h"

namespace qprompt {
namespace {

using test::thrown;

TEST(TestView, EqualsTheReferenceTransformOnPillow) {
  const auto all = test::expected_numbers<3>("test.txt");
  ASSERT_GE(all.size(), 30u);
  for (const auto& [n, crc] : all) {
    SCOPED_TRACE(cat(n[0], " x ", n[1], " to ", n[2]));
    const Image view = test_view(test::noise(n[0], n[1]), n[2]);
    EXPECT_EQ(view.width, n[2]);
    EXPECT_EQ(view.height, n[2]);
    EXPECT_EQ(test::crc32(view), crc);
  }
}

TEST(TestView, OfAPictureOfTheRightSizeIsThatPicture) {
  const Image image = test::noise(32, 32);
  EXPECT_EQ(test_view(image, 32).rgb, image.rgb);
}

TEST(TestView, CostsTheCropAndNotTheWholeOfAVeryLongPicture) {
  const Image image = test::noise(1, 30'000);
  const int64_t before = peak_memory_bytes();
  EXPECT_EQ(test_view(image, 224).height, 224);
  EXPECT_LT(peak_memory_bytes() - before, 64 << 20);
}

TEST(TestView, RefusesASizeOfZero) {
  EXPECT_EQ(thrown([] { test_view(test::noise(4, 4), 0); }).kind, test::kUsageCode);
}

TEST(TrainView, EqualsTheReferenceTransformDrawnByPython) {
  const auto all = test::expected_numbers<4>("train.txt");
  ASSERT_GE(all.size(), 40u);
  for (const auto& [n, crc] : all) {
    SCOPED_TRACE(cat(n[0], " x ", n[1], " to ", n[2], ", seed ", n[3]));
    Rng rng(static_cast<uint64_t>(n[3]));
    const Image view = train_view(test::noise(n[0], n[1]), n[2], rng);
    EXPECT_EQ(view.width, n[2]);
    EXPECT_EQ(view.height, n[2]);
    EXPECT_EQ(test::crc32(view), crc);
  }
}

TEST(TrainView, FlipsAboutHalfOfThePictures) {
  Image image{4, 3, {}};  // dark on the left, bright on the right
  for (int i = 0; i < 12; ++i) image.rgb.insert(image.rgb.end(), 3, i % 4 < 2 ? 0 : 255);
  Rng rng(1);
  int flipped = 0, told = 0;
  for (int i = 0; i < 400; ++i) {
    const Image view = train_view(image, 8, rng);
    const int left = view.rgb.front(), right = view.rgb[3 * 7];
    if (left == right) continue;  // a crop of one shade does not tell
    ++told;
    flipped += left > right;
  }
  ASSERT_GT(told, 200);
  EXPECT_NEAR(static_cast<double>(flipped) / told, 0.5, 0.1);
}

TEST(Pixels, AreNormalisedInFloat32AndLieChannelByChannel) {
  const Image image = test::noise(5, 4);
  const Normalization normalization;
  const at::Tensor pixels = to_pixels(image, normalization);  // (3, 4, 5)
  ASSERT_EQ(pixels.sizes(), (std::vector<int64_t>{3, 4, 5}));
  at::Tensor expected = at::from_blob(const_cast<uint8_t*>(image.rgb.data()), {4, 5, 3}, at::kByte)
                            .permute({2, 0, 1})
                            .to(at::kFloat)
                            .div(255);
  const auto column = [](const std::array<double, 3>& v) {
    return at::tensor(at::ArrayRef<double>(v.data(), 3)).to(at::kFloat).view({3, 1, 1});
  };
  expected = expected.sub(column(normalization.mean)).div(column(normalization.std));
  EXPECT_TRUE(at::equal(pixels, expected));
}

}  // namespace
}  // namespace qprompt
