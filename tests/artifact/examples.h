// Prompts with known content: those of the kept files, and the one that the tests alter.
#pragma once

#include <string>
#include <vector>

#include "qprompt/artifact.h"

namespace qprompt::examples {

/// Codes and centres that anyone can compute again: code i is (i · 37 + i / 5) mod K.
inline QuantizedValues quantized(int64_t count, int64_t bits) {
  QuantizedValues values;
  values.bits = bits;
  const int64_t k = int64_t{1} << bits;
  for (int64_t i = 0; i < count; ++i) {
    values.codes.push_back(static_cast<uint8_t>((i * 37 + i / 5) % k));
  }
  for (int64_t c = 0; c < k; ++c) {
    values.codebook.push_back(to_half(static_cast<float>(2 * c - k + 1) / 64));
  }
  return values;
}

/// Value i of a plain tensor: every one of them is a half.
inline std::vector<float> plain(int64_t count) {
  std::vector<float> values;
  for (int64_t i = 0; i < count; ++i) {
    values.push_back(static_cast<float>((i * 29) % 257 - 128) / 512);
  }
  return values;
}

inline StoredTensor tensor(const std::string& name, std::vector<int64_t> shape, int64_t bits) {
  StoredTensor tensor;
  tensor.name = name;
  tensor.shape = std::move(shape);
  tensor.bits = bits;
  if (bits <= 8) {
    tensor.quantized = quantized(tensor.count(), bits);
  } else {
    tensor.plain = plain(tensor.count());
  }
  return tensor;
}

inline StoredTensor context(std::vector<int64_t> shape, int64_t bits) {
  return tensor("ctx", std::move(shape), bits);
}

/// A prompt as QCoOp leaves it: 4 x 512 values.
inline TrainedPrompt prompt(int64_t bits) {
  TrainedPrompt prompt;
  prompt.n_ctx = 4;
  prompt.width = 512;
  prompt.bits = bits;
  prompt.shots = 16;
  prompt.seed = 1;
  prompt.half = ClassSubset::kBase;
  for (size_t i = 0; i < prompt.fingerprint.size(); ++i) {
    prompt.fingerprint[i] = static_cast<uint8_t>(17 * i);
  }
  prompt.tensors = {context({4, 512}, bits)};
  prompt.initial_words = "a photo of a";
  prompt.dataset = "oxford_pets";
  return prompt;
}

/// A prompt of three classes with a context of their own, 2 x 8 values each.
inline TrainedPrompt class_specific() {
  TrainedPrompt prompt = examples::prompt(2);
  prompt.n_ctx = 2;
  prompt.width = 8;
  prompt.position = ClassPosition::kMiddle;
  prompt.settings = {{"class-specific", "true"}};
  prompt.shots = 0;
  prompt.seed = 0xFEDCBA9876543210u;
  prompt.half = ClassSubset::kAll;
  prompt.tensors = {context({3, 2, 8}, 2)};
  prompt.initial_words.clear();
  prompt.dataset = "Données";
  prompt.class_names = {"crane", "crane", "café 猫"};
  return prompt;
}

}  // namespace qprompt::examples
