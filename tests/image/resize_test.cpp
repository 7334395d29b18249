#include <gtest/gtest.h>

#include "image/support.h"

namespace qprompt {
namespace {

using test::thrown;

TEST(Resize, EqualsPillowByteForByteAtManySizesAndBoxes) {
  const auto all = test::expected_numbers<8>("resize.txt");
  ASSERT_GE(all.size(), 100u);
  for (const auto& [n, crc] : all) {
    SCOPED_TRACE(cat(n[0], " x ", n[1], ", box (", n[2], ", ", n[3], ", ", n[4], ", ", n[5],
                     ") to ", n[6], " x ", n[7]));
    const Image out = resize_bicubic(test::noise(n[0], n[1]), {n[2], n[3], n[4], n[5]}, n[6], n[7]);
    EXPECT_EQ(out.width, n[6]);
    EXPECT_EQ(out.height, n[7]);
    EXPECT_EQ(test::crc32(out), crc);
  }
}

TEST(Resize, EveryFilterEqualsPillowByteForByte) {
  const auto all = test::expected_numbers<5>("filters.txt");
  ASSERT_GE(all.size(), 30u);
  for (const auto& [n, crc] : all) {
    SCOPED_TRACE(cat(n[0], " x ", n[1], " to ", n[2], " x ", n[3], " by filter ", n[4]));
    const Image out = resize(test::noise(n[0], n[1]), {0, 0, n[0], n[1]}, n[2], n[3],
                             static_cast<Resampling>(n[4]));
    EXPECT_EQ(test::crc32(out), crc);
  }
}

TEST(Resize, ATestViewMayBeCutFromALargerPictureOrSquashed) {
  const auto all = test::expected_numbers<5>("views.txt");
  ASSERT_GE(all.size(), 15u);
  for (const auto& [n, crc] : all) {
    SCOPED_TRACE(cat(n[0], " x ", n[1], " to ", n[2], " by ", n[3], " and filter ", n[4]));
    const TestTransform transform{static_cast<Resampling>(n[4]), n[3] == 0, n[3]};
    EXPECT_EQ(test::crc32(test_view(test::noise(n[0], n[1]), n[2], transform)), crc);
  }
}

TEST(Resize, ToItsOwnSizeChangesNothing) {
  const Image image = test::noise(31, 17);
  EXPECT_EQ(resize_bicubic(image, {0, 0, 31, 17}, 31, 17).rgb, image.rgb);
}

TEST(Resize, KeepsAConstantPictureConstant) {
  Image image{53, 41, std::vector<uint8_t>(3 * 53 * 41, 255)};
  const Image out = resize_bicubic(image, {0, 0, 53, 41}, 20, 97);
  EXPECT_EQ(out.rgb, std::vector<uint8_t>(3 * 20 * 97, 255));
}

TEST(Resize, RefusesABoxOutsideThePictureAndASizeOfZero) {
  const Image image = test::noise(8, 6);
  for (const Box& box : {Box{-1, 0, 4, 4}, Box{0, 3, 4, 4}, Box{0, 0, 9, 6}, Box{0, 0, 0, 6},
                         Box{INT64_MAX, 0, 4, 4}}) {
    EXPECT_EQ(thrown([&] { resize_bicubic(image, box, 4, 4); }).kind,
              static_cast<int>(ErrorKind::kInternal));
  }
  EXPECT_EQ(thrown([&] { resize_bicubic(image, {0, 0, 8, 6}, 0, 4); }).kind, test::kUsageCode);
  EXPECT_EQ(thrown([&] { resize_bicubic(image, {0, 0, 8, 6}, 4, -1); }).kind, test::kUsageCode);
}

}  // namespace
}  // namespace qprompt
