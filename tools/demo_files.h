// Files that make_demo reads and writes: gzip, IDX (the format of MNIST), PNG, plain bytes.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

namespace qprompt::demo {

inline constexpr int kSide = 28;                         // pixels, width and height
inline constexpr int kGreyBytes = kSide * kSide;         // one grey image, row by row
inline constexpr int kPictureBytes = 3 * kSide * kSide;  // one RGB image, interleaved

using Picture = std::vector<uint8_t>;  // kPictureBytes

// Grey images with their labels, as Fashion-MNIST has them.
struct GreyImages {
  std::vector<uint8_t> pixels;  // kGreyBytes an image
  std::vector<uint8_t> labels;

  size_t size() const { return labels.size(); }
  const uint8_t* image(size_t i) const { return pixels.data() + i * kGreyBytes; }
};

// Reads `<stem>-images-idx3-ubyte.gz` and `<stem>-labels-idx1-ubyte.gz` in `folder`.
GreyImages read_grey_images(const std::filesystem::path& folder, const std::string& stem);

std::string read_bytes(const std::filesystem::path& path);
void write_bytes(const std::filesystem::path& path, const std::string& bytes);
// Same text, same bytes: the header carries no name and no time.
void write_gzip(const std::filesystem::path& path, const std::string& text);
std::string read_gzip(const std::filesystem::path& path);

void write_png(const std::filesystem::path& path, const Picture& picture);
Picture read_png(const std::filesystem::path& path);

// Sum of the sizes of all files below `folder`.
uint64_t folder_bytes(const std::filesystem::path& folder);

}  // namespace qprompt::demo
