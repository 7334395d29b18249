#include "demo_files.h"

#include <png.h>
#include <zlib.h>

#include <array>
#include <cstdio>
#include <fstream>
#include <iterator>
#include <memory>
#include <stdexcept>

namespace qprompt::demo {
namespace {

namespace fs = std::filesystem;

[[noreturn]] void fail(const fs::path& path, const std::string& what) {
  throw std::runtime_error(path.string() + ": " + what);
}

uint32_t big_endian(const std::string& bytes, size_t at) {
  uint32_t value = 0;
  for (size_t i = 0; i < 4; ++i) value = value << 8 | static_cast<uint8_t>(bytes.at(at + i));
  return value;
}

// The payload of an IDX file with `dimensions` dimensions, checked against its header.
std::vector<uint8_t> read_idx(const fs::path& path, size_t dimensions) {
  const std::string bytes = read_gzip(path);
  const size_t header = 4 + 4 * dimensions;
  if (bytes.size() < header || big_endian(bytes, 0) != 0x0800 + dimensions) {
    fail(path, "not an IDX file of bytes with " + std::to_string(dimensions) + " dimensions");
  }
  size_t expected = 1;
  for (size_t i = 0; i < dimensions; ++i) expected *= big_endian(bytes, 4 + 4 * i);
  if (bytes.size() - header != expected) fail(path, "its length differs from its header");
  return {bytes.begin() + static_cast<std::ptrdiff_t>(header), bytes.end()};
}

}  // namespace

GreyImages read_grey_images(const fs::path& folder, const std::string& stem) {
  GreyImages images;
  images.pixels = read_idx(folder / (stem + "-images-idx3-ubyte.gz"), 3);
  images.labels = read_idx(folder / (stem + "-labels-idx1-ubyte.gz"), 1);
  if (images.pixels.size() != images.labels.size() * kGreyBytes) {
    fail(folder / stem, "expected one label for each image of 28 x 28 pixels");
  }
  return images;
}

std::string read_bytes(const fs::path& path) {
  std::ifstream in(path, std::ios::binary);
  if (!in) fail(path, "cannot be opened");
  return {std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
}

void write_bytes(const fs::path& path, const std::string& bytes) {
  std::ofstream out(path, std::ios::binary);
  out.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
  out.close();
  if (!out) fail(path, "cannot be written");
}

void write_gzip(const fs::path& path, const std::string& text) {
  z_stream stream = {};
  constexpr int kGzip = 16 + MAX_WBITS;
  if (deflateInit2(&stream, 9, Z_DEFLATED, kGzip, 9, Z_DEFAULT_STRATEGY) != Z_OK) {
    fail(path, "zlib cannot be started");
  }
  std::string packed(deflateBound(&stream, text.size()) + 64, '\0');
  std::string source = text;
  stream.next_in = reinterpret_cast<Bytef*>(source.data());
  stream.avail_in = static_cast<uInt>(source.size());
  stream.next_out = reinterpret_cast<Bytef*>(packed.data());
  stream.avail_out = static_cast<uInt>(packed.size());
  const int status = deflate(&stream, Z_FINISH);
  packed.resize(stream.total_out);
  deflateEnd(&stream);
  if (status != Z_STREAM_END) fail(path, "zlib cannot compress");
  write_bytes(path, packed);
}

std::string read_gzip(const fs::path& path) {
  const std::unique_ptr<gzFile_s, int (*)(gzFile)> file(gzopen(path.c_str(), "rb"), gzclose);
  if (!file) fail(path, "cannot be opened (Debian: package dataset-fashion-mnist)");
  std::string text;
  std::array<char, 1 << 16> buffer;
  int count = 0;
  while ((count = gzread(file.get(), buffer.data(), buffer.size())) > 0) {
    text.append(buffer.data(), static_cast<size_t>(count));
  }
  if (count < 0) fail(path, "damaged gzip file");
  return text;
}

void write_png(const fs::path& path, const Picture& picture) {
  const std::unique_ptr<FILE, int (*)(FILE*)> file(std::fopen(path.c_str(), "wb"), std::fclose);
  if (!file) fail(path, "cannot be written");
  png_structp png = png_create_write_struct(PNG_LIBPNG_VER_STRING, nullptr, nullptr, nullptr);
  png_infop info = png_create_info_struct(png);
  if (setjmp(png_jmpbuf(png))) {
    png_destroy_write_struct(&png, &info);
    fail(path, "cannot be written");
  }
  png_init_io(png, file.get());
  png_set_compression_level(png, 9);
  png_set_compression_mem_level(png, 9);
  png_set_filter(png, 0, PNG_ALL_FILTERS);
  png_set_IHDR(png, info, kSide, kSide, 8, PNG_COLOR_TYPE_RGB, PNG_INTERLACE_NONE,
               PNG_COMPRESSION_TYPE_DEFAULT, PNG_FILTER_TYPE_DEFAULT);
  png_write_info(png, info);
  for (int y = 0; y < kSide; ++y) png_write_row(png, picture.data() + y * 3 * kSide);
  png_write_end(png, info);
  png_destroy_write_struct(&png, &info);
}

Picture read_png(const fs::path& path) {
  png_image image = {};
  image.version = PNG_IMAGE_VERSION;
  if (!png_image_begin_read_from_file(&image, path.c_str())) fail(path, image.message);
  image.format = PNG_FORMAT_RGB;
  if (image.width != kSide || image.height != kSide) {
    png_image_free(&image);
    fail(path, "expected 28 x 28 pixels");
  }
  Picture picture(kPictureBytes);
  if (!png_image_finish_read(&image, nullptr, picture.data(), 0, nullptr))
    fail(path, image.message);
  return picture;
}

uint64_t folder_bytes(const fs::path& folder) {
  uint64_t bytes = 0;
  for (const fs::directory_entry& entry : fs::recursive_directory_iterator(folder)) {
    if (entry.is_regular_file()) bytes += entry.file_size();
  }
  return bytes;
}

}  // namespace qprompt::demo
