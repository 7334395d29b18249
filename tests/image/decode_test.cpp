#include <gtest/gtest.h>

#include "image/support.h"

namespace qprompt {
namespace {

using test::thrown;

TEST(Decode, GivesPillowsPixelsForEveryFixture) {
  const auto all = test::expected_pictures("decode.txt");
  ASSERT_GT(all.size(), 90u);
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
  EXPECT_NE(message("<svg width='3'></svg>").find("SVG"), std::string::npos);
  EXPECT_NE(message("version https://git-lfs.github.com/spec/v1").find("LFS"), std::string::npos);
  EXPECT_NE(message("....ftypmp42....").find("film"), std::string::npos);
  EXPECT_NE(message("hello").find("68 65 6c 6c"), std::string::npos);
  EXPECT_NE(message("RIFF1234WAVE").find("52 49 46 46"), std::string::npos);
}

TEST(Decode, KnowsImageNamesInAnyCase) {
  for (const char* name : {"a.jpg", "a.JPEG", "x/y.Png", "b.webp", ".jpg", "a.b.jpeg", "a.jfif",
                           "a.GIF", "b.bmp", "c.tiff", "d.pgm", "e.HEIC", "f.avif"}) {
    EXPECT_TRUE(has_image_extension(name)) << name;
  }
  for (const char* name : {"a.txt", "jpg", "a.jpg.txt", "", "a.", "dir.jpg/file"}) {
    EXPECT_FALSE(has_image_extension(name)) << name;
  }
}

TEST(Decode, TellsImagesByTheirFirstBytes) {
  for (const auto& expected : test::expected_pictures("decode.txt")) {
    const std::string bytes = test::fixture_bytes(expected.name);
    EXPECT_TRUE(begins_as_image(bytes.substr(0, 32))) << expected.name;
  }
  for (const char* text : {"", "BM is how this text begins, all of it", "P9 3 3", "GIF", "PNG"}) {
    EXPECT_FALSE(begins_as_image(text)) << text;
  }
}

/// The picture that the fixtures of lossy formats were made from, as make_fixtures.py draws it.
Image fixture_picture(int64_t width, int64_t height) {
  Image image{width, height, {}};
  for (int64_t y = 0; y < height; ++y) {
    for (int64_t x = 0; x < width; ++x) {
      const double dx = x - width / 2.0, dy = y - height / 2.0;
      const int64_t edge = dx * dx + dy * dy < height / 3.0 * (height / 3.0) ? 60 : 0;
      image.rgb.push_back(static_cast<uint8_t>((255 * x / width) ^ edge));
      image.rgb.push_back(static_cast<uint8_t>(255 * y / height));
      image.rgb.push_back(static_cast<uint8_t>((x * 7 + y * 13 + edge) % 256));
    }
  }
  return image;
}

TEST(Decode, HeicAndAvifComeOutNearlyAsTheyWentIn) {
  const Image original = fixture_picture(64, 48);
  for (const char* name : {"heif_picture.heic", "heif_picture.avif"}) {
    SCOPED_TRACE(name);
    const std::string bytes = test::fixture_bytes(name);
    EXPECT_EQ(probe_image(bytes, name).height, 48);
    const Image image = decode_image(bytes, name, {});
    ASSERT_EQ(image.width, 64);
    ASSERT_EQ(image.rgb.size(), original.rgb.size());
    int64_t difference = 0;
    for (size_t i = 0; i < image.rgb.size(); ++i) {
      difference += std::abs(int(image.rgb[i]) - int(original.rgb[i]));
    }
    EXPECT_LT(static_cast<double>(difference) / static_cast<double>(image.rgb.size()), 6.0);
  }
}

TEST(Decode, ARunLengthBitmapMayJumpOverPixels) {
  // 3 x 2 pixels of 8 bits; the two colours are red and blue. One blue pixel, then "two right".
  std::string bytes("BM\0\0\0\0\0\0\0\0\x3e\0\0\0\x28\0\0\0\3\0\0\0\2\0\0\0\1\0\x08\0\1\0\0\0", 34);
  bytes += std::string("\0\0\0\0\0\0\0\0\0\0\0\0\2\0\0\0\0\0\0\0", 20);
  bytes += std::string("\0\0\xff\0\xff\0\0\0", 8);
  bytes += std::string("\1\1\0\2\2\0\3\1\0\1", 10);
  const Image image = decode_image(bytes, "jump.bmp", {});
  const std::vector<uint8_t> blue{0, 0, 255}, red{255, 0, 0};
  const auto pixel = [&](size_t i) {
    return std::vector<uint8_t>(image.rgb.begin() + 3 * i, image.rgb.begin() + 3 * i + 3);
  };
  EXPECT_EQ(pixel(0), blue);  // the upper row is the file's second
  EXPECT_EQ(pixel(3), blue);
  EXPECT_EQ(pixel(4), red);
  EXPECT_EQ(pixel(5), red);
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
