#include <csetjmp>
#include <cstdio>  // jpeglib.h uses FILE and does not include this

#include <jerror.h>
#include <jpeglib.h>

#include <algorithm>

#include "image/impl/codec.h"

namespace qprompt::image {
namespace {

/// libjpeg's state over bytes in memory. libjpeg reports errors by a jump, which skips destructors:
/// every call to it goes through `guarded`, whose steps own nothing.
struct JpegReader {
  jpeg_decompress_struct info{};
  jpeg_error_mgr errors{};
  jpeg_source_mgr input{};
  jpeg_progress_mgr progress{};
  int64_t max_scans = 0;
  std::jmp_buf jump{};
  char message[JMSG_LENGTH_MAX] = "";

  JpegReader() = default;
  JpegReader(const JpegReader&) = delete;
  JpegReader& operator=(const JpegReader&) = delete;
  ~JpegReader() { jpeg_destroy_decompress(&info); }
};

JpegReader& reader_of(j_common_ptr info) { return *static_cast<JpegReader*>(info->client_data); }

[[noreturn]] void on_error(j_common_ptr info) {
  JpegReader& reader = reader_of(info);
  info->err->format_message(info, reader.message);
  std::longjmp(reader.jump, 1);
}

/// Pillow ignores warnings (extraneous bytes before a marker and the like), and so do we: what it
/// refuses, a file that ends early, is no warning here, because the source below suspends instead.
void on_message(j_common_ptr, int) {}

/// A few bytes of scan headers can ask for any number of passes over a large picture.
void on_progress(j_common_ptr info) {
  if (!info->is_decompressor) return;
  JpegReader& reader = reader_of(info);
  if (reinterpret_cast<j_decompress_ptr>(info)->input_scan_number <= reader.max_scans) return;
  std::snprintf(reader.message, sizeof reader.message,
                "more than %d scans over a picture of this size",
                static_cast<int>(reader.max_scans));
  std::longjmp(reader.jump, 1);
}

void on_source(j_decompress_ptr) {}

/// "No more for now": libjpeg suspends and its caller sees a truncated file. Its usual way, to make
/// up an end marker and paint the rest grey, would pass a truncated picture as a whole one.
boolean no_more_input(j_decompress_ptr) { return FALSE; }

void skip_input(j_decompress_ptr info, long count) {
  jpeg_source_mgr& input = *info->src;
  if (count <= 0) return;
  const size_t skipped = std::min(static_cast<size_t>(count), input.bytes_in_buffer);
  input.next_input_byte += skipped;
  input.bytes_in_buffer -= skipped;
}

void open(JpegReader& reader, std::string_view bytes) {
  reader.info.err = jpeg_std_error(&reader.errors);
  reader.errors.error_exit = on_error;
  reader.errors.emit_message = on_message;
  reader.info.client_data = &reader;
  jpeg_create_decompress(&reader.info);
  reader.input.next_input_byte = reinterpret_cast<const JOCTET*>(bytes.data());
  reader.input.bytes_in_buffer = bytes.size();
  reader.input.init_source = on_source;
  reader.input.fill_input_buffer = no_more_input;
  reader.input.skip_input_data = skip_input;
  reader.input.resync_to_restart = jpeg_resync_to_restart;
  reader.input.term_source = on_source;
  reader.info.src = &reader.input;
  reader.progress.progress_monitor = on_progress;
  reader.info.progress = &reader.progress;
}

/// Runs `step`, which must own nothing that a jump would skip; false when libjpeg gave up.
template <class Step>
bool guarded(JpegReader& reader, Step step) {
  if (setjmp(reader.jump) != 0) return false;
  step();
  return true;
}

/// Runs `step`, which returns false when the file ends early, and turns both ends into errors.
template <class Step>
void run(JpegReader& reader, const Source& source, Step step) {
  bool whole = true;
  if (!guarded(reader, [&] { whole = step(); })) fail_broken(source, "JPEG", reader.message);
  if (!whole) fail_truncated(source, "JPEG");
}

Extent read_header(JpegReader& reader, const Source& source) {
  run(reader, source, [&] {
    open(reader, source.bytes);
    return jpeg_read_header(&reader.info, TRUE) != JPEG_SUSPENDED;
  });
  const int components = reader.info.num_components;
  if (components != 1 && components != 3 && components != 4) {
    fail_broken(source, "JPEG", cat(components, " colour components; 1, 3 or 4 were expected"));
  }
  return {reader.info.image_width, reader.info.image_height};
}

/// A progressive picture is held as coefficients, two bytes each in whole blocks, until its last
/// scan, beside the pixels; its scans are bounded by the work that they are.
void check_budget(JpegReader& reader, const Source& source, const Extent& extent,
                  const Limits& limits) {
  constexpr int64_t kMaxScans = 500, kBlockBytes = 128;
  const int64_t pixels = extent.width * extent.height;
  reader.max_scans = std::clamp<int64_t>(limits.max_work / pixels, 1, kMaxScans);
  int64_t bytes = 3 * pixels;
  if (jpeg_has_multiple_scans(&reader.info) != FALSE) {
    for (int c = 0; c < reader.info.num_components; ++c) {
      const jpeg_component_info& component = reader.info.comp_info[c];
      bytes += kBlockBytes * component.width_in_blocks * component.height_in_blocks;
    }
  }
  check_memory(source, bytes, limits);
}

/// Pillow takes every JPEG of four components as Adobe writes it, inverted: 255 is no ink. Then
/// R = (255 − K) − C · (255 − K) / 255, and so on.
void cmyk_to_rgb(const uint8_t* cmyk, uint8_t* rgb, int64_t width) {
  for (int64_t x = 0; x < width; ++x) {
    const int light = cmyk[4 * x + 3];
    for (int c = 0; c < 3; ++c) {
      rgb[3 * x + c] = static_cast<uint8_t>(light - scaled(255 - cmyk[4 * x + c], light));
    }
  }
}

}  // namespace

Extent jpeg_extent(const Source& source) {
  JpegReader reader;
  return read_header(reader, source);
}

Raster decode_jpeg(const Source& source, const Limits& limits) {
  JpegReader reader;
  Raster raster;
  raster.extent = read_header(reader, source);
  check_extent(source, raster.extent, limits);
  check_budget(reader, source, raster.extent, limits);
  const bool cmyk = reader.info.num_components == 4;
  reader.info.out_color_space = cmyk ? JCS_CMYK : JCS_RGB;
  run(reader, source, [&] { return jpeg_start_decompress(&reader.info) == TRUE; });
  const int64_t width = raster.extent.width, height = raster.extent.height;
  raster.rgb.resize(static_cast<size_t>(3 * width * height));
  std::vector<uint8_t> inks(cmyk ? static_cast<size_t>(4 * width) : 0);
  run(reader, source, [&] {
    for (int64_t y = 0; y < height; ++y) {
      uint8_t* rgb = raster.rgb.data() + 3 * width * y;
      JSAMPROW row = cmyk ? inks.data() : rgb;
      if (jpeg_read_scanlines(&reader.info, &row, 1) != 1) return false;
      if (cmyk) cmyk_to_rgb(inks.data(), rgb, width);
    }
    // Reads on to the end marker and reports what is wrong up to there; Pillow, too, does not miss
    // a marker that is not there, since every row is.
    jpeg_finish_decompress(&reader.info);
    return true;
  });
  return raster;
}

}  // namespace qprompt::image
