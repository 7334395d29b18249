#include <algorithm>
#include <array>

#include "image/impl/codec.h"
#include "qprompt/image.h"

namespace qprompt {
namespace image {

namespace {

using namespace std::string_view_literals;

/// The brands that name HEIC and AVIF pictures in an ISO media file; others are films.
bool is_heif(std::string_view bytes) {
  if (bytes.size() < 12 || bytes.substr(4, 4) != "ftyp"sv) return false;
  constexpr std::array<std::string_view, 10> kBrands{"heic", "heix", "heim", "heis", "hevc",
                                                     "hevx", "mif1", "msf1", "avif", "avis"};
  return std::find(kBrands.begin(), kBrands.end(), bytes.substr(8, 4)) != kBrands.end();
}

bool is_pnm(std::string_view bytes) {
  return bytes.size() >= 3 && bytes[0] == 'P' && bytes[1] >= '1' && bytes[1] <= '6' &&
         " \t\r\n\v\f"sv.find(bytes[2]) != std::string_view::npos;
}

/// "BM" begins many a text; a bitmap's own header has one of a few sizes.
bool is_bmp(std::string_view bytes) {
  if (bytes.size() < 18 || !bytes.starts_with("BM"sv)) return false;
  return bytes.substr(15, 3) == "\0\0\0"sv && static_cast<uint8_t>(bytes[14]) >= 12 &&
         static_cast<uint8_t>(bytes[14]) <= 124;
}

/// What reads a format.
struct Codec {
  Format format;
  Extent (*extent)(const Source&);
  Raster (*decode)(const Source&, const Limits&);
};

constexpr std::array<Codec, 8> kCodecs{{{Format::kJpeg, jpeg_extent, decode_jpeg},
                                        {Format::kPng, png_extent, decode_png},
                                        {Format::kWebp, webp_extent, decode_webp},
                                        {Format::kGif, gif_extent, decode_gif},
                                        {Format::kBmp, bmp_extent, decode_bmp},
                                        {Format::kTiff, tiff_extent, decode_tiff},
                                        {Format::kPnm, pnm_extent, decode_pnm},
                                        {Format::kHeif, heif_extent, decode_heif}}};

}  // namespace

Format sniff(std::string_view bytes) {
  if (bytes.starts_with("\xFF\xD8\xFF"sv)) return Format::kJpeg;
  if (bytes.starts_with("\x89PNG\r\n\x1A\n"sv)) return Format::kPng;
  if (bytes.starts_with("RIFF"sv) && bytes.size() >= 12 && bytes.substr(8, 4) == "WEBP"sv) {
    return Format::kWebp;
  }
  if (bytes.starts_with("GIF87a"sv) || bytes.starts_with("GIF89a"sv)) return Format::kGif;
  if (bytes.starts_with("II*\0"sv) || bytes.starts_with("MM\0*"sv)) return Format::kTiff;
  if (is_bmp(bytes)) return Format::kBmp;
  if (is_pnm(bytes)) return Format::kPnm;
  if (is_heif(bytes)) return Format::kHeif;
  return Format::kUnknown;
}

void check_memory(const Source& source, int64_t bytes, const Limits& limits) {
  if (bytes <= limits.max_bytes) return;
  fail(ErrorKind::kContent, "'", source.name, "' would take ", bytes >> 20,
       " MiB to decode; at most ", limits.max_bytes >> 20,
       " are used. Make the picture smaller, or save it not progressive");
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

/// What a file that is none of the known formats seems to be, for the message.
std::string describe_unknown(std::string_view bytes) {
  if (bytes.empty()) return "is empty";
  if (bytes.size() >= 12 && bytes.substr(4, 4) == "ftyp"sv) return "is a film";
  if (bytes.starts_with("<svg"sv) || bytes.starts_with("<?xml"sv)) return "is XML or SVG text";
  if (bytes.starts_with("<!DOCTYPE"sv) || bytes.starts_with("<html"sv)) return "is a web page";
  if (bytes.starts_with("version https://git-lfs"sv)) return "is a pointer of Git LFS";
  if (bytes.starts_with("%PDF"sv)) return "is a PDF";
  std::string text = "begins with the bytes";
  for (const char c : bytes.substr(0, 4)) {
    constexpr std::string_view kDigits = "0123456789abcdef";
    const auto byte = static_cast<uint8_t>(c);
    text += {' ', kDigits[byte >> 4], kDigits[byte & 15]};
  }
  return text;
}

const Codec& codec_of(const Source& source) {
  const Format format = sniff(source.bytes);
  for (const Codec& codec : kCodecs) {
    if (codec.format == format) return codec;
  }
  fail(
      ErrorKind::kContent, "'", source.name, "' is no image of a known kind (it ",
      describe_unknown(source.bytes),
      "); JPEG, PNG, WebP, GIF, BMP, TIFF, PPM, HEIC and AVIF are read: convert it to one of them");
}

}  // namespace
}  // namespace image

Image decode_image(std::string_view bytes, const std::string& name, const DecodeOptions& options) {
  const image::Source source{bytes, name};
  const image::Codec& codec = image::codec_of(source);
  image::Raster raster = codec.decode(
      source, {options.max_side, options.max_pixels, options.max_bytes, options.max_work});
  if (options.exif_orientation) {
    const int orientation = image::exif_orientation(codec.format, bytes);
    raster = image::apply_orientation(std::move(raster), orientation);
  }
  return {raster.extent.width, raster.extent.height, std::move(raster.rgb)};
}

Image read_image(const std::string& path, const DecodeOptions& options) {
  return decode_image(read_image_file(path, image::kMaxFileBytes), path, options);
}

ImageSize probe_image(std::string_view bytes, const std::string& name) {
  const image::Source source{bytes, name};
  const image::Extent extent = image::codec_of(source).extent(source);
  return {extent.width, extent.height};
}

bool begins_as_image(std::string_view bytes) {
  return image::sniff(bytes) != image::Format::kUnknown;
}

bool has_image_extension(std::string_view path) {
  // Not std::filesystem: a name of nothing but ".jpg" is a hidden file there, an image name here.
  const size_t dot = path.rfind('.');
  if (dot == std::string_view::npos) return false;
  std::string extension(path.substr(dot + 1));
  std::transform(extension.begin(), extension.end(), extension.begin(),
                 [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
  constexpr std::array<std::string_view, 20> kKnown{
      "jpg", "jpeg", "jpe",  "jfif", "pjpeg", "pjp", "png", "webp", "gif",  "bmp",
      "dib", "tif",  "tiff", "ppm",  "pgm",   "pbm", "pnm", "heic", "heif", "avif"};
  return std::find(kKnown.begin(), kKnown.end(), extension) != kKnown.end();
}

}  // namespace qprompt
