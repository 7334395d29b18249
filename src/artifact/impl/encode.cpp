#include <bit>
#include <cmath>

#include "artifact/impl/format.h"

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
  void varint(uint64_t value) {
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
  out.number(prompt.bits, 1);
  out.number(prompt.depth, 1);
  out.number(prompt.n_ctx, 2);
  out.number(prompt.width, 2);
  out.raw(prompt.fingerprint);
  out.varint(static_cast<uint64_t>(prompt.shots));
  out.varint(prompt.seed);
}

void write_tensor(Writer& out, const StoredTensor& tensor) {
  out.number(tensor.name.size(), 1);
  out.raw(tensor.name);
  out.number(tensor.bits, 1);
  out.number(tensor.shape.size(), 1);
  for (const int64_t size : tensor.shape) out.varint(static_cast<uint64_t>(size));
  if (tensor.bits <= 8) {
    out.varint(static_cast<uint64_t>(tensor.codebooks));
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
  if (!prompt.base_model.empty()) check_text(prompt.base_model, "the base model's name");
  for (const auto& name : prompt.class_names) check_text(name, "a class name");
  if (prompt.features.width != 0) check_features(prompt.features);
  if (!std::isfinite(prompt.temperature) || prompt.temperature < 0) {
    fail(ErrorKind::kContent, "the temperature is ", prompt.temperature);
  }
  uint8_t before = uint8_t(Section::kBaseModel);
  for (const OtherSection& other : prompt.others) {
    if (other.tag <= before) {
      fail(ErrorKind::kContent, "section ", int{other.tag}, " cannot follow section ", int{before});
    }
    before = other.tag;
  }
  check_whole(prompt);
}

void text(Writer& out, std::string_view bytes) {
  out.varint(bytes.size());
  out.raw(bytes);
}

std::string options_section(const TrainedPrompt& prompt) {
  Writer out;
  for (const auto& [name, value] : prompt.settings) {
    text(out, name);
    text(out, value);
  }
  return out.bytes();
}

std::string names_section(const TrainedPrompt& prompt) {
  Writer out;
  for (const auto& name : prompt.class_names) text(out, name);
  return out.bytes();
}

std::string features_section(const StoredFeatures& features) {
  Writer out;
  out.varint(features.labels.size());
  out.varint(static_cast<uint64_t>(features.width));
  for (const float value : features.values) out.number(to_half(value), 2);
  for (const int64_t label : features.labels) out.varint(static_cast<uint64_t>(label));
  return out.bytes();
}

/// What there is, by ascending tag.
void write_sections(Writer& out, const TrainedPrompt& prompt) {
  const auto put = [&](Section tag, const std::string& content) {
    if (!content.empty()) out.section(tag, content);
  };
  const Method* form = find_form(prompt.row().stored_form);
  put(Section::kMethod, form != nullptr && form->word == prompt.method ? "" : prompt.method);
  put(Section::kOptions, options_section(prompt));
  put(Section::kInitialWords, prompt.initial_words);
  if (prompt.unseen) put(Section::kUnseen, std::string(1, static_cast<char>(*prompt.unseen)));
  if (prompt.temperature > 0) {
    Writer value;
    value.number(std::bit_cast<uint32_t>(prompt.temperature), 4);
    put(Section::kTemperature, value.bytes());
  }
  put(Section::kClassNames, names_section(prompt));
  if (prompt.features.width != 0) put(Section::kFeatures, features_section(prompt.features));
  put(Section::kDataset, prompt.dataset);
  put(Section::kBaseModel, prompt.base_model);
  for (const OtherSection& other : prompt.others) out.section(Section(other.tag), other.content);
}

}  // namespace

std::string encode_prompt(const TrainedPrompt& prompt) {
  check_everything(prompt);
  Writer out;
  write_head(out, prompt);
  for (const auto& tensor : prompt.tensors) write_tensor(out, tensor);
  write_sections(out, prompt);
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
