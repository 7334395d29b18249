// Private to `artifact`: the numbers of format version 1 (docs/artifact.md) and the checks that
// writing and reading share. Standard library only.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "qprompt/artifact.h"

namespace qprompt::artifact {

inline constexpr std::string_view kMagic = "QPRM";
inline constexpr uint16_t kVersion = 1;
inline constexpr size_t kLengthAt = 8;  ///< where the length of the file stands
inline constexpr size_t kHeadBytes = 50;
inline constexpr size_t kChecksumBytes = 4;

inline constexpr size_t kMostTensors = 1024;
inline constexpr size_t kMostName = 32;  ///< bytes of a tensor's name
inline constexpr size_t kMostAxes = 4;
inline constexpr int64_t kMostValues = int64_t{1} << 28;  ///< of all tensors together
inline constexpr size_t kMostText = 4096;                 ///< bytes of one text
inline constexpr size_t kMostClasses = 1000000;
inline constexpr int64_t kMostBytes = (int64_t{1} << 31) - 1;

/// Optional sections, in the order in which they stand.
enum class Section : uint8_t { kInitialWords = 1, kDataset = 2, kClassNames = 3 };

/// CRC-32 as in zlib, PNG and Ethernet (polynomial 0xEDB88320, reflected).
uint32_t crc32(std::string_view bytes);

/// Each throws Error(kContent) with the first thing that version 1 cannot hold.
void check_head(const TrainedPrompt& prompt);
/// Name, shape and bits; the values may still be missing.
void check_form(const StoredTensor& tensor);
/// The values, of a tensor whose form is right.
void check_values(const StoredTensor& tensor);
/// Valid UTF-8 without control characters, 1 to kMostText bytes.
void check_text(std::string_view text, std::string_view what);
/// What the parts say of one another, each of them being right by itself.
void check_whole(const TrainedPrompt& prompt);

}  // namespace qprompt::artifact
