#include <gtest/gtest.h>

#include "base/runtime.h"
#include "image/support.h"

namespace qprompt {
namespace {

using test::thrown;

/// `bytes` with the integer of `count` bytes at `at` replaced.
std::string with_integer(std::string bytes, size_t at, uint64_t value, size_t count, bool big) {
  for (size_t i = 0; i < count; ++i) {
    bytes[at + (big ? count - 1 - i : i)] = static_cast<char>(value >> (8 * i));
  }
  return bytes;
}

/// A PNG header of that size with a right checksum, and nothing after it.
std::string png_header(uint32_t width, uint32_t height) {
  std::string bytes = test::fixture_bytes("png_rgb.png").substr(0, 33);
  bytes = with_integer(bytes, 16, width, 4, true);
  bytes = with_integer(bytes, 20, height, 4, true);
  const std::string crc = test::crc32(std::string_view(bytes).substr(12, 17));
  return with_integer(bytes, 29, std::stoul(crc, nullptr, 16), 4, true);
}

std::string jpeg_sized(uint32_t width, uint32_t height) {
  std::string bytes = test::fixture_bytes("jpeg_420.jpg");
  const size_t frame = bytes.find("\xFF\xC0");
  bytes = with_integer(bytes, frame + 5, height, 2, true);
  return with_integer(bytes, frame + 7, width, 2, true);
}

std::string webp_canvas(uint32_t width, uint32_t height) {
  std::string bytes = test::fixture_bytes("webp_animated.webp");
  bytes = with_integer(bytes, 24, width - 1, 3, false);
  return with_integer(bytes, 27, height - 1, 3, false);
}

void expect_too_large(const std::string& bytes, const std::string& size) {
  const int64_t before = peak_memory_bytes();
  const auto error = thrown([&] { decode_image(bytes, "some/huge", {}); });
  EXPECT_EQ(error.kind, test::kContentCode);
  EXPECT_NE(error.message.find("'some/huge' declares " + size), std::string::npos) << error.message;
  EXPECT_LT(peak_memory_bytes() - before, 16 << 20);
}

TEST(Hostile, HugeHeadersAreRefusedBeforeAnythingIsAllocated) {
  expect_too_large(png_header(100'000, 100'000), "100000 x 100000");
  expect_too_large(png_header(0x7FFFFFFF, 0x7FFFFFFF), "2147483647 x 2147483647");
  expect_too_large(png_header(0xFFFFFFFF, 0xFFFFFFFF), "4294967295 x 4294967295");
  expect_too_large(png_header(20'000, 20'000), "20000 x 20000");
  expect_too_large(jpeg_sized(65'500, 65'500), "65500 x 65500");
  expect_too_large(webp_canvas(100'000, 100'000), "100000 x 100000");
}

TEST(Hostile, ProbingAHugeHeaderTellsItsSize) {
  const ImageSize size = probe_image(png_header(100'000, 90'000), "huge");
  EXPECT_EQ(size.width, 100'000);
  EXPECT_EQ(size.height, 90'000);
  EXPECT_EQ(probe_image(webp_canvas(100'000, 90'000), "huge").height, 90'000);
}

/// A progressive JPEG whose last scan, one that refines a coefficient that is zero everywhere, is
/// repeated `scans` times.
std::string progressive_with_scans(uint32_t side, int scans) {
  std::string bytes = test::fixture_bytes("jpeg_progressive.jpg");
  const size_t frame = bytes.find("\xFF\xC2");
  bytes = with_integer(bytes, frame + 5, side, 2, true);
  bytes = with_integer(bytes, frame + 7, side, 2, true);
  const size_t last = bytes.rfind("\xFF\xDA");
  const std::string scan = bytes.substr(last, bytes.size() - 2 - last);
  bytes.resize(last);
  for (int i = 0; i < scans; ++i) bytes += scan;
  return bytes + "\xFF\xD9";
}

TEST(Hostile, APictureWhoseDecodingWouldTakeTooMuchMemoryIsRefusedBefore) {
  const int64_t before = peak_memory_bytes();
  const std::string bytes = progressive_with_scans(13'000, 480);
  const auto error = thrown([&] { decode_image(bytes, "scans.jpg", {}); });
  EXPECT_EQ(error.kind, test::kContentCode);
  EXPECT_NE(error.message.find("MiB to decode"), std::string::npos) << error.message;
  EXPECT_LT(peak_memory_bytes() - before, 64 << 20);
}

TEST(Hostile, ScansOverALargePictureAreBoundedByTheWorkThatTheyAre) {
  const std::string bytes = progressive_with_scans(2'000, 400);
  DecodeOptions options;
  options.max_work = 100'000'000;  // 25 scans of this size
  const double started = now_seconds();
  const auto error = thrown([&] { decode_image(bytes, "scans.jpg", options); });
  EXPECT_EQ(error.kind, test::kContentCode);
  EXPECT_NE(error.message.find("more than 25 scans"), std::string::npos) << error.message;
  EXPECT_LT(now_seconds() - started, 20.0);
}

TEST(Hostile, LimitsAreThoseOfTheOptions) {
  const std::string bytes = test::fixture_bytes("png_rgb.png");  // 37 x 29
  EXPECT_EQ(thrown([&] { decode_image(bytes, "x", {false, 37, 37 * 29}); }).kind, 0);
  EXPECT_EQ(thrown([&] {
              decode_image(bytes, "x", {false, 36, 37 * 29});
            }).kind,
            test::kContentCode);
  EXPECT_EQ(thrown([&] {
              decode_image(bytes, "x", {false, 37, 37 * 29 - 1});
            }).kind,
            test::kContentCode);
}

TEST(Hostile, EmptyPicturesAreRefused) {
  for (const std::string& bytes :
       {png_header(0, 5), png_header(5, 0), jpeg_sized(0, 5), jpeg_sized(5, 0)}) {
    EXPECT_EQ(thrown([&] { decode_image(bytes, "empty", {}); }).kind, test::kContentCode);
  }
}

/// Shortest prefix that Pillow, too, takes as whole: all pixels are there, only what follows is
/// not.
size_t needed_bytes(const std::string& name, const std::string& bytes) {
  if (name.ends_with(".png")) return bytes.size() - 12;       // without the end chunk
  if (name == "jpeg_trailing.jpg") return bytes.size() - 14;  // without what is not the picture
  return bytes.size();
}

TEST(Hostile, EveryTruncationIsRefusedWhilePixelsAreMissing) {
  for (const auto& expected : test::expected_pictures("decode.txt")) {
    if (expected.crc == "refused") continue;
    SCOPED_TRACE(expected.name);
    const std::string bytes = test::fixture_bytes(expected.name);
    // What follows the first picture is not read.
    const bool more_follows =
        expected.name.starts_with("gif_") || expected.name == "tiff_pages.tif";
    for (size_t n = 0; n < needed_bytes(expected.name, bytes); ++n) {
      const std::string part = bytes.substr(0, n);  // its own block, so that sanitizers see its end
      const auto error = thrown([&] { decode_image(part, "cut.file", {}); });
      if (error.kind == 0) {
        // Nothing is missing but the end, or the result would differ.
        EXPECT_EQ(test::crc32(decode_image(part, "cut.file", {})), expected.crc) << n;
        EXPECT_TRUE(more_follows || n + 16 > bytes.size()) << n;
        continue;
      }
      EXPECT_EQ(error.kind, test::kContentCode) << n;
      EXPECT_NE(error.message.find("'cut.file'"), std::string::npos) << error.message;
    }
  }
}

TEST(Hostile, ATruncatedFileIsCalledTruncated) {
  for (const char* name : {"jpeg_420.jpg", "jpeg_progressive.jpg", "png_rgb.png", "webp_lossy.webp",
                           "webp_lossless.webp", "webp_animated.webp"}) {
    std::string bytes = test::fixture_bytes(name);
    bytes.resize(bytes.size() * 3 / 4);
    const auto error = thrown([&] { decode_image(bytes, name, {}); });
    EXPECT_NE(error.message.find("truncated"), std::string::npos) << name << ": " << error.message;
    EXPECT_NE(error.message.find("fetch the file again"), std::string::npos) << error.message;
  }
}

TEST(Hostile, EveryAlteredByteEitherDecodesOrIsAContentError) {
  DecodeOptions options;
  options.exif_orientation = true;
  options.max_pixels = 1 << 16;  // an altered size within the limits costs time
  for (const auto& expected : test::expected_pictures("decode.txt")) {
    SCOPED_TRACE(expected.name);
    std::string bytes = test::fixture_bytes(expected.name);
    for (size_t at = 0; at < bytes.size(); ++at) {
      const char original = bytes[at];
      for (const int flip : {0x01, 0xFF}) {
        bytes[at] = static_cast<char>(original ^ flip);
        const auto error = thrown([&] {
          const Image image = decode_image(bytes, "altered", options);
          ASSERT_EQ(image.rgb.size(), static_cast<size_t>(3 * image.width * image.height));
        });
        ASSERT_TRUE(error.kind == 0 || error.kind == test::kContentCode) << error.message;
      }
      bytes[at] = original;
    }
  }
}

TEST(Hostile, DamagedPngPixelsAreCalledBroken) {
  std::string bytes = test::fixture_bytes("png_rgb.png");
  bytes[bytes.find("IDAT") + 40] ^= 0x10;
  const auto error = thrown([&] { decode_image(bytes, "some/broken.png", {}); });
  EXPECT_EQ(error.kind, test::kContentCode);
  EXPECT_NE(error.message.find("'some/broken.png' is a broken PNG file"), std::string::npos)
      << error.message;
}

TEST(Hostile, AnAnimationFrameOutsideItsCanvasIsRefused) {
  const std::string bytes = test::fixture_bytes("webp_animated_offset.webp");
  const size_t frame = bytes.find("ANMF") + 8;
  for (const size_t field : {size_t{0}, size_t{3}}) {
    const std::string moved = with_integer(bytes, frame + field, 0xFFFFFF, 3, false);
    const auto error = thrown([&] { decode_image(moved, "moved.webp", {}); });
    EXPECT_EQ(error.kind, test::kContentCode);
    EXPECT_NE(error.message.find("canvas"), std::string::npos) << error.message;
  }
}

}  // namespace
}  // namespace qprompt
