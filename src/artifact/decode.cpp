// Reading a `.qprompt` file that anyone may have made. Order: magic, version, length, checksum, and
// only then the content. Every count is held against the bytes that are there before it is used.
#include <algorithm>
#include <bit>

#include "artifact/format.h"

namespace qprompt {
namespace {

using namespace artifact;

class Reader {
 public:
  Reader(std::string_view bytes, const std::string& name) : bytes_(bytes), name_(name) {}

  size_t at() const { return at_; }
  size_t left() const { return bytes_.size() - at_; }
  /// The next `count` bytes.
  std::string_view take(size_t count, std::string_view what) {
    if (count > left()) {
      refuse(cat(what, " takes ", count, " bytes, and only ", left(), " are left"));
    }
    at_ += count;
    return bytes_.substr(at_ - count, count);
  }
  uint64_t number(size_t size, std::string_view what) {
    uint64_t value = 0;
    const std::string_view taken = take(size, what);
    for (size_t i = 0; i < size; ++i) value |= uint64_t{static_cast<uint8_t>(taken[i])} << (8 * i);
    return value;
  }
  /// At most five bytes, and no longer than it needs to be.
  size_t varint(std::string_view what) {
    uint64_t value = 0;
    for (int shift = 0; shift < 35; shift += 7) {
      const uint64_t byte = number(1, what);
      value |= (byte & 0x7F) << shift;
      if (byte >= 0x80) continue;
      if (byte == 0 && shift > 0) refuse(cat(what, " is written with more bytes than it needs"));
      return static_cast<size_t>(value);
    }
    refuse(cat(what, " has more than five bytes"));
  }
  [[noreturn]] void refuse(const std::string& why) const { refuse_at(at_, why); }
  [[noreturn]] void refuse_at(size_t at, const std::string& why) const {
    fail(ErrorKind::kContent, "'", name_, "': byte ", at, ": ", why);
  }
  /// Runs a check of what began at byte `from`, and says so when it fails.
  template <class Check>
  void checked(size_t from, Check check) const {
    try {
      check();
    } catch (const Error& error) {
      refuse_at(from, error.what());
    }
  }

 private:
  std::string_view bytes_;
  const std::string& name_;
  size_t at_ = 0;
};

uint32_t little_endian(std::string_view bytes) {
  uint32_t value = 0;
  for (size_t i = 0; i < bytes.size(); ++i) {
    value |= uint32_t{static_cast<uint8_t>(bytes[i])} << (8 * i);
  }
  return value;
}

/// Magic, version, length and checksum: after this the file is as it was written by somebody.
void check_envelope(std::string_view bytes, const std::string& name) {
  if (bytes.substr(0, kMagic.size()) != kMagic) {
    fail(ErrorKind::kContent, "'", name, "' is not a .qprompt file: its first bytes are not '",
         kMagic, "'");
  }
  if (bytes.size() >= 6) {
    const uint32_t version = little_endian(bytes.substr(4, 2));
    if (version > kVersion) {
      fail(ErrorKind::kContent, "'", name, "' was made by a newer qprompt: format version ",
           version, ", and this one reads ", kVersion, "; update qprompt");
    }
    if (version == 0) {
      fail(ErrorKind::kContent, "'", name, "': byte 4: format version 0 does not exist");
    }
  }
  if (bytes.size() < kHeadBytes + kChecksumBytes) {
    fail(ErrorKind::kContent, "'", name, "' is cut short: ", bytes.size(),
         " bytes, and even the "
         "head takes ",
         kHeadBytes + kChecksumBytes, "; copy it again");
  }
  const uint32_t length = little_endian(bytes.substr(kLengthAt, 4));
  if (bytes.size() != length) {
    fail(ErrorKind::kContent, "'", name, "' is damaged: it says at byte ", kLengthAt,
         " that it has ", length, " bytes, and it has ", bytes.size(), "; copy it again");
  }
  const size_t end = bytes.size() - kChecksumBytes;
  const uint32_t stored = little_endian(bytes.substr(end));
  if (const uint32_t found = crc32(bytes.substr(0, end)); found != stored) {
    fail(ErrorKind::kContent, "'", name, "' is damaged: the checksum at byte ", end, " is ", stored,
         ", and the content gives ", found, "; copy it again");
  }
}

TrainedPrompt read_head(Reader& in, size_t& tensors) {
  TrainedPrompt prompt;
  in.take(kMagic.size() + 2, "the magic");
  const size_t from = in.at();
  tensors = in.number(2, "the number of tensors");
  if (tensors < 1 || tensors > kMostTensors) {
    in.refuse_at(from, cat(tensors, " tensors; 1 to ", kMostTensors, " expected"));
  }
  in.number(4, "the length");
  const auto form = static_cast<int>(in.number(1, "the method"));
  const Method* method = find_form(form);
  if (method == nullptr) {
    in.refuse_at(in.at() - 1, cat("prompt method ", form,
                                  " is unknown; it may come from a newer qprompt"));
  }
  prompt.method = method->word;
  prompt.position = static_cast<ClassPosition>(in.number(1, "the position"));
  prompt.half = static_cast<ClassSubset>(in.number(1, "the half"));
  const uint64_t specific = in.number(1, "the class-specific flag");
  if (specific > 1) in.refuse_at(in.at() - 1, cat("the flag is ", specific, "; 0 or 1 expected"));
  prompt.class_specific = specific == 1;
  prompt.bits = int64_t(in.number(1, "the bits"));
  prompt.depth = int64_t(in.number(1, "the depth"));
  prompt.n_ctx = int64_t(in.number(2, "n_ctx"));
  prompt.width = int64_t(in.number(2, "the width"));
  prompt.shots = int64_t(in.number(4, "the shots"));
  prompt.seed = in.number(8, "the seed");
  const std::string_view print = in.take(prompt.fingerprint.size(), "the fingerprint");
  std::copy(print.begin(), print.end(), prompt.fingerprint.begin());
  in.checked(from, [&] { check_head(prompt); });
  return prompt;
}

void read_codes(Reader& in, StoredTensor& tensor) {
  tensor.quantized.bits = tensor.bits;
  const int64_t count = tensor.count();
  const size_t from = in.at();
  const std::string_view packed =
      in.take(static_cast<size_t>((count * tensor.bits + 7) / 8), "the codes of a tensor");
  in.checked(from, [&] {
    const auto* bytes = reinterpret_cast<const uint8_t*>(packed.data());
    tensor.quantized.codes = unpack_codes({bytes, packed.size()}, tensor.bits, count);
  });
  for (int64_t k = 0; k < int64_t{1} << tensor.bits; ++k) {
    tensor.quantized.codebook.push_back(static_cast<uint16_t>(in.number(2, "a centre")));
  }
}

void read_plain(Reader& in, StoredTensor& tensor) {
  const auto size = static_cast<size_t>(tensor.bits / 8),
             count = static_cast<size_t>(tensor.count());
  const std::string_view raw = in.take(count * size, "the values of a tensor");
  tensor.plain.resize(count);
  for (size_t i = 0; i < count; ++i) {
    const uint32_t bits = little_endian(raw.substr(i * size, size));
    tensor.plain[i] =
        size == 2 ? from_half(static_cast<uint16_t>(bits)) : std::bit_cast<float>(bits);
  }
}

StoredTensor read_tensor(Reader& in) {
  StoredTensor tensor;
  const size_t from = in.at();
  tensor.name = in.take(in.number(1, "the length of a tensor's name"), "a tensor's name");
  tensor.bits = int64_t(in.number(1, "a tensor's bits"));
  const uint64_t axes = in.number(1, "the number of axes");
  if (axes > kMostAxes) in.refuse_at(in.at() - 1, cat(axes, " axes; at most ", kMostAxes));
  for (uint64_t a = 0; a < axes; ++a) tensor.shape.push_back(int64_t(in.number(4, "an axis")));
  in.checked(from, [&] { check_form(tensor); });
  const size_t payload = in.at();
  tensor.bits <= 8 ? read_codes(in, tensor) : read_plain(in, tensor);
  in.checked(payload, [&] { check_values(tensor); });
  return tensor;
}

std::string read_text(Reader& in, size_t size, std::string_view what) {
  const size_t from = in.at();
  const std::string_view text = in.take(size, what);
  in.checked(from, [&] { check_text(text, what); });
  return std::string(text);
}

std::vector<std::string> read_class_names(Reader& in, size_t size) {
  std::vector<std::string> names;
  if (size == 0 || size > in.left()) in.refuse(cat("class names of ", size, " bytes"));
  const size_t end = in.at() + size;
  while (in.at() < end) {
    if (names.size() == kMostClasses) in.refuse(cat("more than ", kMostClasses, " class names"));
    names.push_back(read_text(in, in.varint("the length of a class name"), "a class name"));
  }
  if (in.at() != end) in.refuse(cat("the class names should end at byte ", end));
  return names;
}

void read_sections(Reader& in, TrainedPrompt& prompt) {
  uint64_t before = 0;
  while (in.left() > 0) {
    const size_t from = in.at();
    const uint64_t tag = in.number(1, "a section's tag");
    if (tag <= before) in.refuse_at(from, cat("section ", tag, " cannot follow section ", before));
    before = tag;
    const size_t size = in.varint("a section's length");
    switch (static_cast<Section>(tag)) {
      case Section::kInitialWords:
        prompt.initial_words = read_text(in, size, "the initial words");
        break;
      case Section::kDataset:
        prompt.dataset = read_text(in, size, "the data set's name");
        break;
      case Section::kClassNames:
        prompt.class_names = read_class_names(in, size);
        break;
      default:
        // Skipping it would lose it when the prompt is written again.
        in.refuse_at(from, cat("section ", tag, " does not exist in format version ", kVersion));
    }
  }
}

}  // namespace

TrainedPrompt decode_prompt(std::string_view bytes, const std::string& name) {
  check_envelope(bytes, name);
  Reader in(bytes.substr(0, bytes.size() - kChecksumBytes), name);
  size_t tensors = 0;
  TrainedPrompt prompt = read_head(in, tensors);
  int64_t values = 0;
  for (size_t t = 0; t < tensors; ++t) {
    const size_t from = in.at();
    prompt.tensors.push_back(read_tensor(in));
    values += prompt.tensors.back().count();
    if (values > kMostValues) in.refuse_at(from, cat("more than ", kMostValues, " values in all"));
  }
  read_sections(in, prompt);
  in.checked(kLengthAt, [&] { check_whole(prompt); });
  return prompt;
}

}  // namespace qprompt
