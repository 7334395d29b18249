#include "checkpoint/impl/layouts.h"

#include <array>
#include <filesystem>

namespace qprompt::checkpoint {
namespace {

namespace fs = std::filesystem;

constexpr const char* kHfMark = "text_model.embeddings.token_embedding.weight";
constexpr const char* kOpenAiMark = "token_embedding.weight";

bool is_file(const fs::path& path) {
  std::error_code error;
  return fs::is_regular_file(path, error);
}

/// The first of `names` in `folder`, or nothing.
template <size_t N>
std::string first_file(const fs::path& folder, const std::array<const char*, N>& names) {
  for (const char* name : names) {
    if (is_file(folder / name)) return (folder / name).string();
  }
  return {};
}

/// Keeps the tensors under `prefix`, without it; the rest is the trainer's own state.
void strip_prefix(WeightStore& store, const std::string& prefix) {
  std::map<std::string, at::Tensor> kept;
  for (auto& [name, tensor] : store.tensors) {
    if (name.rfind(prefix, 0) == 0) kept[name.substr(prefix.size())] = tensor;
  }
  store.tensors = std::move(kept);
}

/// Training checkpoints wrap a model's names in these.
void unwrap(WeightStore& store) {
  if (store.contains(kOpenAiMark) || store.contains(kHfMark)) return;
  for (const char* prefix : {"module.", "state_dict.", "state_dict.module.", "model.",
                             "model.module.", "model_state_dict."}) {
    if (store.contains(cat(prefix, kOpenAiMark)) || store.contains(cat(prefix, kHfMark))) {
      return strip_prefix(store, prefix);
    }
  }
}

/// OpenCLIP's "custom text" models keep the text tower under "text.".
void merge_text_prefix(WeightStore& store) {
  std::map<std::string, at::Tensor> merged;
  for (auto& [name, tensor] : store.tensors) {
    merged[name.rfind("text.", 0) == 0 ? name.substr(5) : name] = tensor;
  }
  store.tensors = std::move(merged);
}

Checkpoint open_hugging_face(WeightStore store, const std::string& folder) {
  Checkpoint checkpoint;
  checkpoint.layout = Layout::kHuggingFace;
  checkpoint.architecture = read_hugging_face_config(folder);
  checkpoint.store = std::move(store);
  return checkpoint;
}

Checkpoint open_open_clip(WeightStore store, const std::string& folder) {
  Checkpoint checkpoint;
  checkpoint.layout = Layout::kOpenClip;
  checkpoint.architecture = read_open_clip_config(folder);
  checkpoint.store = std::move(store);
  if (checkpoint.store.contains(cat("text.", kOpenAiMark))) merge_text_prefix(checkpoint.store);
  return checkpoint;
}

Checkpoint open_folder(const fs::path& folder) {
  static constexpr std::array kOpenClipFiles{"open_clip_model.safetensors",
                                             "open_clip_pytorch_model.bin"};
  static constexpr std::array kHfFiles{"model.safetensors", "pytorch_model.bin"};
  const bool open_clip = is_file(folder / "open_clip_config.json");
  const bool hugging_face = is_file(folder / "config.json");
  const std::string open_clip_file = first_file(folder, kOpenClipFiles);
  const std::string hf_file = first_file(folder, kHfFiles);
  if (open_clip && !open_clip_file.empty()) {
    return open_open_clip(read_weights(open_clip_file), folder.string());
  }
  if (hugging_face && !hf_file.empty()) {
    WeightStore store = read_weights(hf_file);
    unwrap(store);
    return open_hugging_face(std::move(store), folder.string());
  }
  if (open_clip) {
    fail(ErrorKind::kPath, folder.string(), ": open_clip_config.json is there but neither ",
         kOpenClipFiles[0], " nor ", kOpenClipFiles[1]);
  }
  if (hugging_face) {
    fail(ErrorKind::kPath, folder.string(), ": config.json is there but neither ", kHfFiles[0],
         " nor ", kHfFiles[1], " (weights in several shards are not supported)");
  }
  fail(ErrorKind::kPath, folder.string(),
       ": no CLIP in this folder; expected config.json with model.safetensors (Hugging Face), or "
       "open_clip_config.json with open_clip_model.safetensors (OpenCLIP). An OpenAI .pt or "
       ".safetensors is named by its own path.");
}

Checkpoint open_file(const fs::path& path) {
  WeightStore store = read_weights(path.string());
  unwrap(store);
  const fs::path folder = path.has_parent_path() ? path.parent_path() : fs::path(".");
  if (store.contains(kHfMark)) {
    if (!is_file(folder / "config.json")) {
      fail(ErrorKind::kPath, path.string(),
           ": these are Hugging Face names, and their config.json ",
           "is not beside the file; put it there");
    }
    return open_hugging_face(std::move(store), folder.string());
  }
  if (path.filename().string().rfind("open_clip", 0) == 0 &&
      is_file(folder / "open_clip_config.json")) {
    return open_open_clip(std::move(store), folder.string());
  }
  if (is_slip(store)) return open_slip(std::move(store));
  Checkpoint checkpoint;
  checkpoint.architecture = infer_openai(store, checkpoint.faults);
  checkpoint.store = std::move(store);
  return checkpoint;
}

}  // namespace

Checkpoint open_checkpoint(const std::string& path) {
  std::error_code error;
  Checkpoint checkpoint = fs::is_directory(path, error) ? open_folder(path) : open_file(path);
  check_architecture(checkpoint.architecture, checkpoint.store.source);
  return checkpoint;
}

}  // namespace qprompt::checkpoint
