#include <gtest/gtest.h>

#include "image/support.h"

namespace qprompt {
namespace {

using test::thrown;

TEST(Decode, GivesPillowsPixelsForEveryFixture) {
  const auto all = test::expected_pictures("decode.txt");
  ASSERT_GT(all.size(), 50u);
  for (const auto& expected : all) {
    SCOPED_TRACE(expected.name);
    if (expected.crc == "refused") {
      EXPECT_EQ(thrown([&] { read_image(test::fixture(expected.name), {}); }).kind,
                test::kContentCode);
      continue;
    }
    const Image image = read_image(test::fixture(expected.name), {});
    EXPECT_EQ(image.width, expected.width);
    EXPECT_EQ(image.height, expected.height);
    EXPECT_EQ(test::crc32(image), expected.crc);
  }
}

TEST(Decode, ProbesTheSizeThatDecodingGives) {
  for (const auto& expected : test::expected_pictures("decode.txt")) {
    if (expected.crc == "refused") continue;
    SCOPED_TRACE(expected.name);
    const ImageSize size = probe_image(test::fixture_bytes(expected.name), expected.name);
    EXPECT_EQ(size.width, expected.width);
    EXPECT_EQ(size.height, expected.height);
  }
}

TEST(Decode, TellsTheFormatByContentAndNotByName) {
  const std::string png = test::fixture_bytes("png_rgb.png");
  EXPECT_EQ(decode_image(png, "photo.jpg", {}).width, 37);
}

TEST(Decode, CutsSixteenBitGreyOffAt255AsPillowDoes) {
  const Image image = read_image(test::fixture("png_grey_16.png"), {});
  EXPECT_EQ(image.rgb[3 * 6], 240);   // 6 · 40
  EXPECT_EQ(image.rgb[3 * 7], 255);   // 7 · 40 = 280
  EXPECT_EQ(image.rgb[3 * 18], 255);  // 720, of which the low byte is 208
}

TEST(Decode, NamesAMissingFile) {
  const auto error = thrown([] { read_image("/no/such/picture.png", {}); });
  EXPECT_EQ(error.kind, test::kPathCode);
  EXPECT_NE(error.message.find("/no/such/picture.png"), std::string::npos);
}

TEST(Decode, SaysWhatAFileOfAnotherKindSeemsToBe) {
  const auto message = [](std::string_view bytes) {
    const auto error = thrown([&] { decode_image(bytes, "folder/x.jpg", {}); });
    EXPECT_EQ(error.kind, test::kContentCode);
    EXPECT_NE(error.message.find("'folder/x.jpg'"), std::string::npos);
    EXPECT_NE(error.message.find("convert"), std::string::npos);
    EXPECT_EQ(thrown([&] { probe_image(bytes, "folder/x.jpg"); }).message, error.message);
    return error.message;
  };
  EXPECT_NE(message("").find("empty"), std::string::npos);
  EXPECT_NE(message("GIF89a...").find("GIF"), std::string::npos);
  EXPECT_NE(message("hello").find("68 65 6c 6c"), std::string::npos);
  EXPECT_NE(message("RIFF1234WAVE").find("52 49 46 46"), std::string::npos);
}

TEST(Decode, KnowsImageNamesInAnyCase) {
  for (const char* name : {"a.jpg", "a.JPEG", "x/y.Png", "b.webp", ".jpg", "a.b.jpeg"}) {
    EXPECT_TRUE(has_image_extension(name)) << name;
  }
  for (const char* name : {"a.gif", "jpg", "a.jpg.txt", "", "a.", "dir.jpg/file"}) {
    EXPECT_FALSE(has_image_extension(name)) << name;
  }
}

TEST(Exif, OrientationIsLeftAloneUnlessAskedFor) {
  const Image as_stored = read_image(test::fixture("exif_6.jpg"), {});
  EXPECT_EQ(as_stored.width, 13);
  EXPECT_EQ(test::crc32(as_stored), test::crc32(read_image(test::fixture("exif_1.jpg"), {})));
}

TEST(Exif, AllEightOrientationsTurnAsPillowTurnsThem) {
  DecodeOptions options;
  options.exif_orientation = true;
  const auto all = test::expected_pictures("exif.txt");
  ASSERT_GE(all.size(), 11u);
  for (const auto& expected : all) {
    SCOPED_TRACE(expected.name);
    const Image image = read_image(test::fixture(expected.name), options);
    EXPECT_EQ(image.width, expected.width);
    EXPECT_EQ(image.height, expected.height);
    EXPECT_EQ(test::crc32(image), expected.crc);
  }
}

TEST(Exif, DamagedExifDataLeaveThePictureAsItIs) {
  DecodeOptions options;
  options.exif_orientation = true;
  const std::string whole = test::fixture_bytes("exif_6.jpg");
  const size_t exif = whole.find("Exif");
  ASSERT_NE(exif, std::string::npos);
  for (size_t at = exif; at < exif + 32; ++at) {
    for (const char byte : {'\0', '\x7F', '\xFF'}) {
      std::string bytes = whole;
      bytes[at] = byte;
      const Image image = decode_image(bytes, "altered", options);
      EXPECT_EQ(image.width * image.height, 13 * 9);
    }
  }
}

}  // namespace
}  // namespace qprompt
