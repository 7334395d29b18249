// HEIC and AVIF by libheif, turned and cropped as the file itself says.
#include <libheif/heif.h>

#include <cstring>
#include <memory>

#include "image/impl/codec.h"

namespace qprompt::image {
namespace {

using HeifContext = std::unique_ptr<heif_context, decltype(&heif_context_free)>;
using HeifHandle = std::unique_ptr<heif_image_handle, decltype(&heif_image_handle_release)>;
using HeifImage = std::unique_ptr<heif_image, decltype(&heif_image_release)>;

void check(const Source& source, const heif_error& error) {
  if (error.code == heif_error_Ok) return;
  if (error.subcode == heif_suberror_End_of_data) fail_truncated(source, "HEIF");
  if (error.code == heif_error_Unsupported_filetype ||
      error.code == heif_error_Unsupported_feature) {
    fail(ErrorKind::kContent, "'", source.name,
         "' cannot be decoded by the libheif of this system: ", error.message,
         ". Its decoders are packages of their own in some distributions "
         "(libheif-plugin-libde265, libheif-plugin-dav1d)");
  }
  fail_broken(source, "HEIF", error.message);
}

/// A file's main picture.
struct HeifPicture {
  HeifContext context{heif_context_alloc(), heif_context_free};
  HeifHandle handle{nullptr, heif_image_handle_release};

  HeifPicture(const Source& source, const Limits* limits) {
    if (limits != nullptr) {
      heif_context_set_maximum_image_size_limit(context.get(), static_cast<int>(limits->max_side));
    }
    check(source, heif_context_read_from_memory_without_copy(context.get(), source.bytes.data(),
                                                             source.bytes.size(), nullptr));
    heif_image_handle* found = nullptr;
    check(source, heif_context_get_primary_image_handle(context.get(), &found));
    handle.reset(found);
  }
  Extent extent() const {
    return {heif_image_handle_get_width(handle.get()), heif_image_handle_get_height(handle.get())};
  }
};

}  // namespace

Extent heif_extent(const Source& source) { return HeifPicture(source, nullptr).extent(); }

Raster decode_heif(const Source& source, const Limits& limits) {
  const HeifPicture picture(source, &limits);
  check_extent(source, picture.extent(), limits);
  heif_image* decoded = nullptr;
  check(source, heif_decode_image(picture.handle.get(), &decoded, heif_colorspace_RGB,
                                  heif_chroma_interleaved_RGB, nullptr));
  const HeifImage image(decoded, heif_image_release);
  int stride = 0;
  const uint8_t* plane =
      heif_image_get_plane_readonly(image.get(), heif_channel_interleaved, &stride);
  Raster raster;
  raster.extent = {heif_image_get_width(image.get(), heif_channel_interleaved),
                   heif_image_get_height(image.get(), heif_channel_interleaved)};
  if (plane == nullptr) fail_broken(source, "HEIF", "it has no pixels");
  check_extent(source, raster.extent, limits);
  const auto row = static_cast<size_t>(3 * raster.extent.width);
  raster.rgb.resize(row * static_cast<size_t>(raster.extent.height));
  for (int64_t y = 0; y < raster.extent.height; ++y) {
    std::memcpy(raster.rgb.data() + static_cast<size_t>(y) * row, plane + y * stride, row);
  }
  return raster;
}

}  // namespace qprompt::image
