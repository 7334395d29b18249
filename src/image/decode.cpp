#include <algorithm>
#include <array>

#include "image/codec.h"
#include "qprompt/image.h"

namespace qprompt {
namespace image {

Format sniff(std::string_view bytes) {
  using namespace std::string_view_literals;
  if (bytes.starts_with("\xFF\xD8\xFF"sv)) return Format::kJpeg;
  if (bytes.starts_with("\x89PNG\r\n\x1A\n"sv)) return Format::kPng;
  if (bytes.starts_with("RIFF"sv) && bytes.size() >= 12 && bytes.substr(8, 4) == "WEBP"sv) {
    return Format::kWebp;
  }
  return Format::kUnknown;
}

void check_extent(const Source& source, const Extent& extent, const Limits& limits) {
  const auto [width, height] = extent;
  if (width < 1 || height < 1) {
    fail(ErrorKind::kContent, "'", source.name, "' declares a picture of ", width, " x ", height,
         " pixels; replace the file");
  }
  if (width > limits.max_side || height > limits.max_side || width > limits.max_pixels / height) {
    fail(ErrorKind::kContent, "'", source.name, "' declares ", width, " x ", height,
         " pixels; at most ", limits.max_side, " a side and ", limits.max_pixels,
         " in all are read. Replace the file or make the picture smaller");
  }
}

void fail_truncated(const Source& source, std::string_view format) {
  fail(ErrorKind::kContent, "'", source.name, "' is truncated: the ", format, " data end after ",
       source.bytes.size(), " bytes, before the picture does; fetch the file again");
}

void fail_broken(const Source& source, std::string_view format, std::string_view why) {
  fail(ErrorKind::kContent, "'", source.name, "' is a broken ", format, " file: ", why,
       "; replace the file");
}

namespace {

/// No photograph comes near this; it keeps a wrong path from filling the memory.
constexpr int64_t kMaxFileBytes = 256 << 20;

/// What a file that is none of the three formats seems to be, for the message.
std::string describe_unknown(std::string_view bytes) {
  using namespace std::string_view_literals;
  if (bytes.empty()) return "is empty";
  if (bytes.starts_with("GIF8"sv)) return "is a GIF";
  if (bytes.starts_with("BM"sv)) return "seems to be a BMP";
  if (bytes.starts_with("II*\0"sv) || bytes.starts_with("MM\0*"sv)) return "is a TIFF";
  if (bytes.size() >= 12 && bytes.substr(4, 4) == "ftyp"sv) return "is an AVIF, HEIC or video file";
  std::string text = "begins with the bytes";
  for (const char c : bytes.substr(0, 4)) {
    constexpr std::string_view kDigits = "0123456789abcdef";
    const auto byte = static_cast<uint8_t>(c);
    text += {' ', kDigits[byte >> 4], kDigits[byte & 15]};
  }
  return text;
}

[[noreturn]] void fail_unknown(const Source& source) {
  fail(ErrorKind::kContent, "'", source.name, "' is not a JPEG, PNG or WebP image (it ",
       describe_unknown(source.bytes), "); convert it to one of these");
}

}  // namespace
}  // namespace image

Image decode_image(std::string_view bytes, const std::string& name, const DecodeOptions& options) {
  const image::Source source{bytes, name};
  const image::Limits limits{options.max_side, options.max_pixels};
  const image::Format format = image::sniff(bytes);
  image::Raster raster;
  switch (format) {
    case image::Format::kJpeg:
      raster = image::decode_jpeg(source, limits);
      break;
    case image::Format::kPng:
      raster = image::decode_png(source, limits);
      break;
    case image::Format::kWebp:
      raster = image::decode_webp(source, limits);
      break;
    case image::Format::kUnknown:
      image::fail_unknown(source);
  }
  if (options.exif_orientation) {
    raster = image::apply_orientation(std::move(raster), image::exif_orientation(format, bytes));
  }
  return {raster.extent.width, raster.extent.height, std::move(raster.rgb)};
}

Image read_image(const std::string& path, const DecodeOptions& options) {
  return decode_image(read_file(path, image::kMaxFileBytes), path, options);
}

ImageSize probe_image(std::string_view bytes, const std::string& name) {
  const image::Source source{bytes, name};
  image::Extent extent;
  switch (image::sniff(bytes)) {
    case image::Format::kJpeg:
      extent = image::jpeg_extent(source);
      break;
    case image::Format::kPng:
      extent = image::png_extent(source);
      break;
    case image::Format::kWebp:
      extent = image::webp_extent(source);
      break;
    case image::Format::kUnknown:
      image::fail_unknown(source);
  }
  return {extent.width, extent.height};
}

bool has_image_extension(std::string_view path) {
  // Not std::filesystem: a name of nothing but ".jpg" is a hidden file there, an image name here.
  const size_t dot = path.rfind('.');
  if (dot == std::string_view::npos) return false;
  std::string extension(path.substr(dot));
  std::transform(extension.begin(), extension.end(), extension.begin(),
                 [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
  constexpr std::array<std::string_view, 4> kKnown{".jpg", ".jpeg", ".png", ".webp"};
  return std::find(kKnown.begin(), kKnown.end(), extension) != kKnown.end();
}

}  // namespace qprompt
