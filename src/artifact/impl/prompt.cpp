#include "artifact/impl/format.h"

namespace qprompt {

int64_t StoredTensor::count() const {
  int64_t count = 1;
  for (const int64_t size : shape) count *= size;
  return count;
}

int64_t StoredTensor::payload_bytes() const {
  if (bits > 8) return count() * bits / 8;
  return (count() * bits + 7) / 8 + 2 * codebooks * (int64_t{1} << bits);
}

std::vector<float> StoredTensor::values() const {
  if (bits > 8) return plain;
  if (codebooks == 1) return dequantize(quantized);
  const size_t centres = size_t{1} << bits, group = quantized.codes.size() / size_t(codebooks);
  std::vector<float> out;
  out.reserve(quantized.codes.size());
  for (size_t i = 0; i < quantized.codes.size(); ++i) {
    out.push_back(from_half(quantized.codebook.at(i / group * centres + quantized.codes[i])));
  }
  return out;
}

const StoredTensor& TrainedPrompt::tensor(const std::string& name) const {
  std::string all;
  for (const auto& tensor : tensors) {
    if (tensor.name == name) return tensor;
    all += (all.empty() ? "" : ", ") + tensor.name;
  }
  fail(ErrorKind::kContent, "the prompt has no tensor '", name, "'; it has: ", all);
}

int64_t TrainedPrompt::payload_bytes() const {
  int64_t bytes = 0;
  for (const auto& tensor : tensors) bytes += tensor.payload_bytes();
  return bytes;
}

bool is_storable(std::string_view text) {
  try {
    artifact::check_text(text, "a text");
  } catch (const Error&) {
    return false;
  }
  return true;
}

void write_prompt(const std::string& path, const TrainedPrompt& prompt) {
  write_file_atomic(path, encode_prompt(prompt));
}

TrainedPrompt read_prompt(const std::string& path) {
  return decode_prompt(read_file(path, artifact::kMostBytes), path);
}

}  // namespace qprompt
