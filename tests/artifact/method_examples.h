// One small prompt of each method besides CoOp: D = 8, W = 12, E = 6.
#pragma once

#include <string>

#include "artifact/examples.h"

namespace qprompt::examples {

/// The head of a prompt of two context rows, and nothing in it yet.
inline TrainedPrompt empty_prompt(const std::string& method, int64_t depth, int64_t bits) {
  TrainedPrompt prompt = examples::prompt(bits);
  prompt.method = method;
  prompt.n_ctx = 2;
  prompt.width = 8;
  prompt.depth = depth;
  prompt.tensors.clear();
  return prompt;
}

/// `ctx` and the deep rows of the text tower.
inline void add_text_rows(TrainedPrompt& prompt) {
  const std::vector<int64_t> rows = {prompt.n_ctx, prompt.width};
  prompt.tensors.push_back(tensor("ctx", rows, prompt.bits));
  for (int64_t j = 1; j < prompt.depth; ++j) {
    prompt.tensors.push_back(tensor(cat("deep.", j), rows, prompt.bits));
  }
}

/// A context of 2 x 8 and a net of 6 to 3 to 8, weights in 4 bits and biases in 16.
inline TrainedPrompt cocoop() {
  TrainedPrompt prompt = empty_prompt("cocoop", 1, 4);
  prompt.position = ClassPosition::kFront;
  add_text_rows(prompt);
  prompt.tensors.push_back(tensor("meta.1.weight", {3, 6}, 4));
  prompt.tensors.push_back(tensor("meta.1.bias", {3}, 16));
  prompt.tensors.push_back(tensor("meta.2.weight", {8, 3}, 4));
  prompt.tensors.push_back(tensor("meta.2.bias", {8}, 16));
  return prompt;
}

/// MaPLe of any size: rows and projections in `bits`, biases in 16.
inline TrainedPrompt maple(int64_t depth, int64_t width, int64_t image_width, int64_t bits) {
  TrainedPrompt prompt = empty_prompt("maple", depth, bits);
  prompt.width = width;
  add_text_rows(prompt);
  for (int64_t j = 0; j < depth; ++j) {
    prompt.tensors.push_back(tensor(cat("proj.", j, ".weight"), {image_width, width}, bits));
    prompt.tensors.push_back(tensor(cat("proj.", j, ".bias"), {image_width}, 16));
  }
  return prompt;
}
inline TrainedPrompt maple() { return maple(3, 8, 12, 4); }

/// Two depths: 3 in the text tower with 2 rows, 2 in the image tower with 5.
inline TrainedPrompt ivlp() {
  TrainedPrompt prompt = empty_prompt("ivlp", 3, 2);
  prompt.settings = {{"vision-ctx", "5"}, {"vision-depth", "2"}};
  add_text_rows(prompt);
  for (int64_t j = 0; j < 2; ++j) {
    prompt.tensors.push_back(tensor(cat("vision.", j), {5, 12}, 2));
  }
  return prompt;
}

/// Rows of the image tower only, before three blocks.
inline TrainedPrompt vpt() {
  TrainedPrompt prompt = empty_prompt("vpt", 3, 16);
  for (int64_t j = 0; j < 3; ++j) {
    prompt.tensors.push_back(tensor(cat("vision.", j), {2, 12}, 16));
  }
  return prompt;
}

inline TrainedPrompt deep_text() {
  TrainedPrompt prompt = empty_prompt("deep-text", 4, 1);
  add_text_rows(prompt);
  return prompt;
}

inline std::vector<TrainedPrompt> all_methods() {
  return {examples::prompt(1), class_specific(), cocoop(), maple(), ivlp(), vpt(), deep_text()};
}

}  // namespace qprompt::examples
