#include <bit>

#include "artifact/format.h"

namespace qprompt {
namespace {

using namespace artifact;

/// Appends numbers with their lowest byte first.
class Writer {
 public:
  template <class Number>
  void number(Number value, int bytes) {
    for (int i = 0; i < bytes; ++i) {
      out_.push_back(static_cast<char>(static_cast<uint64_t>(value) >> (8 * i)));
    }
  }
  /// LEB128: seven bits a byte, lowest first, the high bit saying that more follow.
  void varint(size_t value) {
    for (; value >= 0x80; value >>= 7) number(0x80 | (value & 0x7F), 1);
    number(value, 1);
  }
  template <class Bytes>
  void raw(const Bytes& bytes) {
    out_.insert(out_.end(), bytes.begin(), bytes.end());
  }
  void section(Section tag, std::string_view content) {
    number(uint8_t(tag), 1);
    varint(content.size());
    raw(content);
  }
  std::string& bytes() { return out_; }

 private:
  std::string out_;
};

void write_head(Writer& out, const TrainedPrompt& prompt) {
  out.raw(kMagic);
  out.number(kVersion, 2);
  out.number(prompt.tensors.size(), 2);
  out.number(0, 4);  // the length, known at the end
  out.number(prompt.row().stored_form, 1);
  out.number(uint8_t(prompt.position), 1);
  out.number(uint8_t(prompt.half), 1);
  out.number(prompt.class_specific ? 1 : 0, 1);
  out.number(prompt.bits, 1);
  out.number(prompt.depth, 1);
  out.number(prompt.n_ctx, 2);
  out.number(prompt.width, 2);
  out.number(prompt.shots, 4);
  out.number(prompt.seed, 8);
  out.raw(prompt.fingerprint);
}

void write_tensor(Writer& out, const StoredTensor& tensor) {
  out.number(tensor.name.size(), 1);
  out.raw(tensor.name);
  out.number(tensor.bits, 1);
  out.number(tensor.shape.size(), 1);
  for (const int64_t size : tensor.shape) out.number(size, 4);
  if (tensor.bits <= 8) {
    out.raw(pack_codes(tensor.quantized.codes, tensor.bits));
    for (const uint16_t centre : tensor.quantized.codebook) out.number(centre, 2);
  }
  for (const float value : tensor.plain) {
    if (tensor.bits == 16) {
      out.number(to_half(value), 2);
    } else {
      out.number(std::bit_cast<uint32_t>(value), 4);
    }
  }
}

void check_everything(const TrainedPrompt& prompt) {
  check_head(prompt);
  if (prompt.tensors.size() > kMostTensors) {
    fail(ErrorKind::kContent, prompt.tensors.size(), " tensors; ", kMostTensors, " at most");
  }
  int64_t values = 0;
  for (const auto& tensor : prompt.tensors) {
    check_form(tensor);
    check_values(tensor);
    values += tensor.count();
  }
  if (values > kMostValues) {
    fail(ErrorKind::kContent, values, " values; ", kMostValues, " at most");
  }
  if (!prompt.initial_words.empty()) check_text(prompt.initial_words, "the initial words");
  if (!prompt.dataset.empty()) check_text(prompt.dataset, "the data set's name");
  for (const auto& name : prompt.class_names) check_text(name, "a class name");
  check_whole(prompt);
}

}  // namespace

std::string encode_prompt(const TrainedPrompt& prompt) {
  check_everything(prompt);
  Writer out;
  write_head(out, prompt);
  for (const auto& tensor : prompt.tensors) write_tensor(out, tensor);
  if (!prompt.initial_words.empty()) out.section(Section::kInitialWords, prompt.initial_words);
  if (!prompt.dataset.empty()) out.section(Section::kDataset, prompt.dataset);
  if (!prompt.class_names.empty()) {
    Writer names;
    for (const auto& name : prompt.class_names) {
      names.varint(name.size());
      names.raw(name);
    }
    out.section(Section::kClassNames, names.bytes());
  }
  std::string& bytes = out.bytes();
  const auto length = static_cast<int64_t>(bytes.size() + kChecksumBytes);
  if (length > kMostBytes) {
    fail(ErrorKind::kContent, "the prompt would take ", length, " bytes; ", kMostBytes,
         " at most: leave out the class names");
  }
  for (size_t i = 0; i < 4; ++i) bytes[kLengthAt + i] = static_cast<char>(length >> (8 * i));
  out.number(crc32(bytes), 4);
  return bytes;
}

}  // namespace qprompt
