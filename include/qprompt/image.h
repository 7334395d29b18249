// Room `image`: files to RGB pixels as Pillow gives them; CoOp's test and train transforms.
#pragma once

#include <ATen/core/Tensor.h>

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "qprompt/base.h"

namespace qprompt {

/// 8-bit RGB, rows from the top, no padding: 3 · width · height bytes.
struct Image {
  int64_t width = 0, height = 0;
  std::vector<uint8_t> rgb;
};

/// How files are decoded, and what is refused from the header alone, before any pixel is decoded.
struct DecodeOptions {
  bool exif_orientation = false;     ///< apply the EXIF orientation (CoOp and CLIP do not)
  int64_t max_side = 32768;          ///< largest width or height, pixels
  int64_t max_pixels = 178'956'970;  ///< largest width · height (Pillow's own bomb limit)
  int64_t max_bytes = 704 << 20;     ///< memory that decoding may take, the picture included
  int64_t max_work = 4'000'000'000;  ///< width · height · passes of a progressive picture
};

/// Per-channel normalisation: (pixel / divisor − mean) / std. Defaults: CLIP's.
struct Normalization {
  std::array<double, 3> mean{0.48145466, 0.4578275, 0.40821073};
  std::array<double, 3> std{0.26862954, 0.26130258, 0.27577711};
  double divisor = 255.0;
};

/// Pillow's filters, with Pillow's numbers.
enum class Resampling : uint8_t { kNearest, kLanczos, kBilinear, kBicubic, kBox, kHamming };

/// How a model wants a picture brought to its size. Defaults: CLIP's.
struct TestTransform {
  Resampling resampling = Resampling::kBicubic;
  bool squash = false;       ///< both sides to the size, whatever the picture's shape: no crop
  int64_t shorter_side = 0;  ///< of the resized picture, before the crop; 0: the size itself
  bool operator==(const TestTransform&) const = default;
};

/// Reads JPEG, PNG, WebP, GIF, BMP, TIFF, PPM, HEIC or AVIF, told by content and not by name: grey,
/// palette, alpha (dropped), 16-bit and CMYK become RGB as Pillow's `convert("RGB")` makes it;
/// 16-bit grey is therefore cut off at 255, not scaled, and an animation gives its first frame.
/// HEIC and AVIF, which Pillow leaves to others, are as libheif decodes them. Throws kPath
/// (missing) or kContent (not an image, too large, truncated, broken), naming the path.
Image read_image(const std::string& path, const DecodeOptions& options);
/// The same from memory; `name` stands for the file in messages.
Image decode_image(std::string_view bytes, const std::string& name, const DecodeOptions& options);

/// A picture's file as it is on disk. A path may also name a file inside a tar file by its place
/// there: "shard.tar/@512+20480/000001.jpg" are the 20,480 bytes from byte 512 on.
struct ImageFileState {
  int64_t bytes = 0, changed = 0;  ///< size; time of change, in the file system's ticks
};
/// Nothing where there is no such file.
std::optional<ImageFileState> image_file_state(const std::string& path);
/// Whether a path names a file inside a tar file.
bool is_inside_archive(const std::string& path);
/// The file's bytes. Throws kPath or kContent.
std::string read_image_file(const std::string& path, int64_t max_bytes);

/// Width and height from the header alone. Throws as `read_image`.
struct ImageSize {
  int64_t width = 0, height = 0;
};
ImageSize probe_image(std::string_view bytes, const std::string& name);

/// True for names that end as images do (.jpg, .jpeg, .jfif, .png, .webp, .gif, .bmp, .tif, .ppm,
/// .heic, .avif and their kin), in any case.
bool has_image_extension(std::string_view path);
/// True when the first 32 bytes of a file are those of a format that `read_image` knows.
bool begins_as_image(std::string_view bytes);

/// Pillow's `resize((width, height), BICUBIC, box)`: antialiased, a = −0.5, width first, rounded to
/// 8 bits after each pass. The box (left, top, width, height) is whole pixels inside the image.
struct Box {
  int64_t left = 0, top = 0, width = 0, height = 0;
};
Image resize_bicubic(const Image& image, const Box& box, int64_t width, int64_t height);

/// The same with another of Pillow's filters.
Image resize(const Image& image, const Box& box, int64_t width, int64_t height,
             Resampling resampling);

/// CoOp's test transform: shorter side to R (other side truncated), centre crop R × R; (R, R, 3)
/// bytes as an Image. `transform` is what a model's own files say instead.
Image test_view(const Image& image, int64_t size, const TestTransform& transform = {});
/// CoOp's train transform: random resized crop (scale 0.08–1, ratio 3/4–4/3, ten tries, then the
/// central maximal crop) and a horizontal flip with probability one half. Drawn from `rng`, in this
/// order: area and log ratio for each try, top and left for the one that fits, the flip.
Image train_view(const Image& image, int64_t size, Rng& rng);

/// (3, H, W) float32, normalised.
at::Tensor to_pixels(const Image& image, const Normalization& normalization);

}  // namespace qprompt
