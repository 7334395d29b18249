// Private to `artifact`: the numbers of the format (docs/artifact.md) and the checks that writing
// and reading share. Standard library only.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "qprompt/artifact.h"

namespace qprompt::artifact {

inline constexpr std::string_view kMagic = "QPRM";
inline constexpr uint16_t kVersion = 2;
inline constexpr size_t kLengthAt = 8;     ///< where the length of the file stands
inline constexpr size_t kLeastBytes = 43;  ///< of a file with the shortest head
inline constexpr size_t kChecksumBytes = 4;

inline constexpr size_t kMostTensors = 1024;
inline constexpr size_t kMostName = 32;  ///< bytes of a tensor's name
inline constexpr size_t kMostAxes = 4;
inline constexpr int64_t kMostValues = int64_t{1} << 28;  ///< of all tensors together
inline constexpr size_t kMostText = 4096;                 ///< bytes of one text
inline constexpr size_t kMostClasses = 1000000;
inline constexpr int64_t kMostBytes = (int64_t{1} << 31) - 1;

/// Sections of version 2, in the order in which they stand. A reader that does not know a tag
/// refuses the file below kHarmless, and skips the section from there on.
enum class Section : uint8_t {
  kMethod = 1,
  kOptions = 2,
  kInitialWords = 3,
  kUnseen = 4,
  kTemperature = 5,
  kClassNames = 6,
  kFeatures = 7,
  kHarmless = 0x80,
  kDataset = 0x81,
  kBaseModel = 0x82
};
/// Sections of version 1.
enum class SectionOfOne : uint8_t { kInitialWords = 1, kDataset = 2, kClassNames = 3 };

/// CRC-32 as in zlib, PNG and Ethernet (polynomial 0xEDB88320, reflected).
uint32_t crc32(std::string_view bytes);

/// Each throws Error(kContent) with the first thing that the format cannot hold.
void check_head(const TrainedPrompt& prompt);
/// Name, shape, bits and codebooks; the values may still be missing.
void check_form(const StoredTensor& tensor);
/// The values, of a tensor whose form is right.
void check_values(const StoredTensor& tensor);
void check_features(const StoredFeatures& features);
/// Valid UTF-8 without control characters, 1 to kMostText bytes.
void check_text(std::string_view text, std::string_view what);
/// What the parts say of one another, each of them being right by itself.
void check_whole(const TrainedPrompt& prompt);

/// Whether a head of version 2 says the option by itself.
bool in_head(const std::string& option);

}  // namespace qprompt::artifact
