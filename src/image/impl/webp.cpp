#include <webp/decode.h>

#include <algorithm>
#include <optional>

#include "image/impl/codec.h"

namespace qprompt::image {
namespace {

constexpr size_t kChunkHeader = 8;  ///< name and little-endian length
constexpr size_t kFirstChunk = 12;  ///< after "RIFF", the length and "WEBP"

const uint8_t* data_of(std::string_view bytes) {
  return reinterpret_cast<const uint8_t*>(bytes.data());
}

uint32_t little_endian(std::string_view bytes, size_t at, int count) {
  uint32_t value = 0;
  for (int i = 0; i < count; ++i) {
    value |= static_cast<uint32_t>(static_cast<uint8_t>(bytes[at + static_cast<size_t>(i)]))
             << (8 * i);
  }
  return value;
}

[[noreturn]] void fail_status(const Source& source, VP8StatusCode status) {
  switch (status) {
    case VP8_STATUS_NOT_ENOUGH_DATA:
    case VP8_STATUS_SUSPENDED:
      fail_truncated(source, "WebP");
    case VP8_STATUS_OUT_OF_MEMORY:
      fail_broken(source, "WebP", "too little memory to decode it");
    case VP8_STATUS_UNSUPPORTED_FEATURE:
      fail_broken(source, "WebP", "it uses a feature that libwebp does not know");
    default:
      fail_broken(source, "WebP", "libwebp cannot read its data");
  }
}

bool is_extended(std::string_view bytes) { return bytes.substr(kFirstChunk, 4) == "VP8X"; }

/// One picture inside the file: where it lies on the canvas and its compressed data.
struct Frame {
  Extent canvas, extent;
  int64_t left = 0, top = 0;
  std::string_view data;
};

WebPBitstreamFeatures features_of(const Source& source, std::string_view data) {
  WebPBitstreamFeatures features{};
  const VP8StatusCode status = WebPGetFeatures(data_of(data), data.size(), &features);
  if (status != VP8_STATUS_OK) fail_status(source, status);
  return features;
}

/// The body of the first ANMF chunk: a 16-byte header, then the frame's own chunks.
std::optional<std::string_view> first_animation_frame(std::string_view bytes) {
  size_t at = kFirstChunk;
  while (bytes.size() - at >= kChunkHeader) {
    const size_t length = little_endian(bytes, at + 4, 4);
    if (length > bytes.size() - at - kChunkHeader) return std::nullopt;
    if (bytes.substr(at, 4) == "ANMF") return bytes.substr(at + kChunkHeader, length);
    at = std::min(bytes.size(), at + kChunkHeader + length + length % 2);
  }
  return std::nullopt;
}

/// The whole picture or, of an animation, its first frame on an empty canvas.
Frame find_frame(const Source& source) {
  const WebPBitstreamFeatures features = features_of(source, source.bytes);
  Frame frame;
  frame.canvas = webp_extent(source);
  frame.extent = {features.width, features.height};
  frame.data = source.bytes;
  if (!features.has_animation) return frame;
  constexpr size_t kFrameHeader = 16;
  const auto body = first_animation_frame(source.bytes);
  if (!body || body->size() < kFrameHeader) fail_broken(source, "WebP", "no first frame");
  frame.left = 2 * static_cast<int64_t>(little_endian(*body, 0, 3));
  frame.top = 2 * static_cast<int64_t>(little_endian(*body, 3, 3));
  frame.data = body->substr(kFrameHeader);
  const WebPBitstreamFeatures own = features_of(source, frame.data);
  frame.extent = {own.width, own.height};
  if (own.has_animation || own.width != static_cast<int>(little_endian(*body, 6, 3)) + 1 ||
      own.height != static_cast<int>(little_endian(*body, 9, 3)) + 1 ||
      frame.left + own.width > frame.canvas.width || frame.top + own.height > frame.canvas.height) {
    fail_broken(source, "WebP", "its first frame does not fit the canvas");
  }
  return frame;
}

}  // namespace

Extent webp_extent(const Source& source) {
  constexpr size_t kExtendedHeader = 30;
  const std::string_view bytes = source.bytes;
  if (is_extended(bytes)) {
    // Read here because libwebp refuses a huge canvas without saying how large it is.
    if (bytes.size() < kExtendedHeader) fail_truncated(source, "WebP");
    return {int64_t{1} + little_endian(bytes, 24, 3), int64_t{1} + little_endian(bytes, 27, 3)};
  }
  const WebPBitstreamFeatures features = features_of(source, bytes);
  return {features.width, features.height};
}

Raster decode_webp(const Source& source, const Limits& limits) {
  Raster raster;
  raster.extent = webp_extent(source);
  check_extent(source, raster.extent, limits);
  if (little_endian(source.bytes, 4, 4) > source.bytes.size() - kChunkHeader) {
    fail_truncated(source, "WebP");
  }
  const Frame frame = find_frame(source);
  const int64_t width = frame.canvas.width, height = frame.canvas.height;
  if (frame.extent.width > width || frame.extent.height > height) {
    fail_broken(source, "WebP", "the picture is larger than its canvas");
  }
  WebPDecoderConfig config;
  if (!WebPInitDecoderConfig(&config)) fail_broken(source, "WebP", "libwebp cannot be started");
  raster.rgb.resize(static_cast<size_t>(3 * width * height));
  const int64_t offset = 3 * (frame.top * width + frame.left);
  config.output.colorspace = MODE_RGB;  // alpha is dropped, not blended
  config.output.is_external_memory = 1;
  config.output.u.RGBA.rgba = raster.rgb.data() + offset;
  config.output.u.RGBA.stride = static_cast<int>(3 * width);
  config.output.u.RGBA.size = raster.rgb.size() - static_cast<size_t>(offset);
  const VP8StatusCode status = WebPDecode(data_of(frame.data), frame.data.size(), &config);
  WebPFreeDecBuffer(&config.output);
  if (status != VP8_STATUS_OK) fail_status(source, status);
  return raster;
}

}  // namespace qprompt::image
