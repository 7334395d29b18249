// Reading a `.qprompt` file. Order: magic, version, length, checksum, and only then the content.
#include "artifact/impl/format.h"
#include "artifact/impl/reader.h"

namespace qprompt {
namespace {

using namespace artifact;

/// Magic, version, length and checksum: after this the file is as it was written by somebody.
/// Returns the version.
int check_envelope(std::string_view bytes, const std::string& name) {
  if (bytes.substr(0, kMagic.size()) != kMagic) {
    fail(ErrorKind::kContent, "'", name, "' is not a .qprompt file: its first bytes are not '",
         kMagic, "'");
  }
  const auto version = bytes.size() < 6 ? uint64_t{kVersion} : little_endian(bytes.substr(4, 2));
  if (version > kVersion) {
    fail(ErrorKind::kContent, "'", name, "' was made by a newer qprompt: format version ", version,
         ", and this one reads 1 to ", kVersion, "; update qprompt");
  }
  if (version == 0) {
    fail(ErrorKind::kContent, "'", name, "': byte 4: format version 0 does not exist");
  }
  if (bytes.size() < kLeastBytes) {
    fail(ErrorKind::kContent, "'", name, "' is cut short: ", bytes.size(),
         " bytes, and even the head takes ", kLeastBytes, "; copy it again");
  }
  const uint64_t length = little_endian(bytes.substr(kLengthAt, 4));
  if (bytes.size() != length) {
    fail(ErrorKind::kContent, "'", name, "' is damaged: it says at byte ", kLengthAt,
         " that it has ", length, " bytes, and it has ", bytes.size(), "; copy it again");
  }
  const size_t end = bytes.size() - kChecksumBytes;
  const uint64_t stored = little_endian(bytes.substr(end));
  if (const uint32_t found = crc32(bytes.substr(0, end)); found != stored) {
    fail(ErrorKind::kContent, "'", name, "' is damaged: the checksum at byte ", end, " is ", stored,
         ", and the content gives ", found, "; copy it again");
  }
  return static_cast<int>(version);
}

}  // namespace

TrainedPrompt decode_prompt(std::string_view bytes, const std::string& name) {
  const int version = check_envelope(bytes, name);
  Reader in(bytes.substr(0, bytes.size() - kChecksumBytes), name);
  in.take(kMagic.size() + 2, "the magic");
  const size_t from = in.at();
  const size_t tensors = in.number(2, "the number of tensors");
  if (tensors < 1 || tensors > kMostTensors) {
    in.refuse_at(from, cat(tensors, " tensors; 1 to ", kMostTensors, " expected"));
  }
  in.number(4, "the length");
  TrainedPrompt prompt =
      version == 1 ? read_version_one(in, tensors) : read_version_two(in, tensors);
  in.checked(kLengthAt, [&] { check_whole(prompt); });
  return prompt;
}

}  // namespace qprompt
