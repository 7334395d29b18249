// The oracle folder of the golden tests: its files, its sizes, and comparisons.
//
// QPROMPT_ORACLE_DIR names another folder of the same layout, QPROMPT_ORACLE_VOCAB the vocabulary
// of a folder that has none. Whatever a folder lacks skips the tests that need it.
#pragma once

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "qprompt/base.h"
#include "qprompt/clip.h"
#include "support/run.h"

namespace qprompt::golden {

namespace fs = std::filesystem;

inline std::string environment(const char* name, const std::string& fallback) {
  const char* value = std::getenv(name);
  return value != nullptr && *value != '\0' ? value : fallback;
}

inline std::string folder() {
  return environment("QPROMPT_ORACLE_DIR", QPROMPT_SOURCE_DIR "/tests/data/oracle/tiny");
}
inline std::string file(const std::string& name) { return folder() + "/" + name; }
inline bool has(const std::string& name) { return fs::exists(file(name)); }

/// Skips the running test unless the oracle folder has this file.
#define QPROMPT_NEEDS(name)                                           \
  if (!::qprompt::golden::has(name)) {                                \
    GTEST_SKIP() << ::qprompt::golden::file(name) << " is not there"; \
  }

inline bool has_own_vocabulary() { return has("vocab.txt.gz"); }

inline std::string vocabulary() {
  if (has_own_vocabulary()) return file("vocab.txt.gz");
  return environment("QPROMPT_ORACLE_VOCAB",
                     QPROMPT_SOURCE_DIR "/../shared/data/clip-bpe/bpe_simple_vocab_16e6.txt.gz");
}

/// Skips the running test unless a vocabulary for the oracle folder is there.
#define QPROMPT_NEEDS_VOCABULARY()                                              \
  if (!::qprompt::golden::fs::exists(::qprompt::golden::vocabulary())) {        \
    GTEST_SKIP() << ::qprompt::golden::vocabulary()                             \
                 << " is not there; QPROMPT_ORACLE_VOCAB names the vocabulary"; \
  }

inline nlohmann::json read_json(const std::string& path) {
  return nlohmann::json::parse(read_file(path, 64 << 20));
}

/// The strings with their ids: in the folder, or beside it for those with CLIP's own vocabulary.
inline std::string tokens_file() {
  if (has("tokens.json")) return file("tokens.json");
  return (fs::path(folder()) / ".." / "tokens.json").string();
}

inline Clip load(const std::string& path) {
  ClipOptions options;
  options.vocab = vocabulary();
  return Clip::load(path, options);
}

/// One checkpoint of the folder's model.
struct LayoutFile {
  std::string name, path;
};

/// Every layout of the model with quick GELU. The plain state dict is derived from the archive
/// where the folder does not have it; derived files go to `scratch`.
inline std::vector<LayoutFile> quick_gelu_layouts(const testing_support::TempFolder& scratch) {
  std::vector<LayoutFile> layouts;
  const std::string archive = file("openai_torchscript.pt");
  if (has("openai_torchscript.pt")) layouts.push_back({"TorchScript archive", archive});
  if (has("openai_state_dict.safetensors")) {
    layouts.push_back({"OpenAI safetensors", file("openai_state_dict.safetensors")});
  } else if (has("openai_torchscript.pt")) {
    const std::string derived = scratch / "openai_state_dict.safetensors";
    write_safetensors(derived, read_weights(archive).tensors, {});
    layouts.push_back({"OpenAI safetensors", derived});
  }
  if (has("hf/config.json")) {
    layouts.push_back({"Hugging Face folder", file("hf")});
    layouts.push_back({"Hugging Face file", file("hf/model.safetensors")});
  }
  return layouts;
}

/// The OpenCLIP folder, its weights derived from the archive where only its configuration is kept.
inline std::string open_clip_layout(const testing_support::TempFolder& scratch) {
  if (has("open_clip/open_clip_model.safetensors")) return file("open_clip");
  auto tensors = read_weights(file("openai_torchscript.pt")).tensors;
  for (const char* name : {"input_resolution", "context_length", "vocab_size"}) tensors.erase(name);
  write_safetensors(scratch / "open_clip_model.safetensors", tensors, {});
  fs::copy_file(file("open_clip/open_clip_config.json"), scratch / "open_clip_config.json",
                fs::copy_options::overwrite_existing);
  return scratch.path();
}

/// Any one layout, preferably OpenAI's archive.
inline std::string any_layout() {
  for (const char* name : {"openai_torchscript.pt", "openai_state_dict.safetensors", "hf"}) {
    if (has(name)) return file(name);
  }
  return file("openai_torchscript.pt");
}

/// ‖a − b‖ / ‖b‖ in double. A reference of zeros (the gradient of a dead unit) is met by zeros:
/// then the error is 0, and by anything else, enormous.
inline double relative_error(const at::Tensor& a, const at::Tensor& b) {
  if (a.sizes() != b.sizes()) return 1e300;
  const at::Tensor x = a.detach().to(at::kDouble), y = b.detach().to(at::kDouble);
  const double error = (x - y).norm().item<double>(), size = y.norm().item<double>();
  if (size == 0) return error == 0 ? 0 : 1e300;
  return error / size;
}

/// Class names as prompts say them.
inline std::string spoken(std::string name) {
  std::replace(name.begin(), name.end(), '_', ' ');
  return name;
}

/// The oracle's template filled with each class name.
inline std::vector<std::string> zero_shot_texts(const nlohmann::json& oracle) {
  std::vector<std::string> texts;
  const std::string pattern = oracle.at("zero_shot_template");
  for (const std::string name : oracle.at("class_names")) {
    std::string text = pattern;
    texts.push_back(text.replace(text.find("{}"), 2, spoken(name)));
  }
  return texts;
}

/// logits (B, C) = τ · v̂ t̂ᵀ of features (B, E) and (C, E).
inline at::Tensor logits_of(const Clip& clip, const at::Tensor& image, const at::Tensor& text) {
  const at::Tensor v = image / image.norm(2, 1, true);  // (B, E)
  const at::Tensor t = text / text.norm(2, 1, true);    // (C, E)
  return at::mm(v, t.t()) * clip.logit_scale();
}

}  // namespace qprompt::golden
