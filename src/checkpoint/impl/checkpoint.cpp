#include "checkpoint/find_model.h"
#include "checkpoint/impl/layouts.h"
#include "checkpoint/impl/wrappers.h"

#include <array>
#include <filesystem>

namespace qprompt::checkpoint {
namespace {

namespace fs = std::filesystem;

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

/// The weights of a folder from one file, or from the shards that an index lists.
WeightStore read_folder_weights(const std::string& file) {
  WeightStore store = is_shard_index(file) ? read_shards(file) : read_weights(file);
  unwrap(store);
  return store;
}

Checkpoint open_folder(const fs::path& folder) {
  static constexpr std::array kOpenClipFiles{"open_clip_model.safetensors",
                                             "open_clip_pytorch_model.bin"};
  static constexpr std::array kHfFiles{"model.safetensors", "model.safetensors.index.json",
                                       "pytorch_model.bin", "pytorch_model.bin.index.json"};
  const bool open_clip = is_file(folder / "open_clip_config.json");
  const bool hugging_face = is_file(folder / "config.json");
  const std::string open_clip_file = first_file(folder, kOpenClipFiles);
  const std::string hf_file = first_file(folder, kHfFiles);
  if (open_clip && !open_clip_file.empty()) {
    return open_open_clip(read_folder_weights(open_clip_file), folder.string());
  }
  if (hugging_face && !hf_file.empty()) {
    return open_hugging_face(read_folder_weights(hf_file), folder.string());
  }
  if (open_clip) {
    fail(ErrorKind::kPath, folder.string(), ": open_clip_config.json is there but neither ",
         kOpenClipFiles[0], " nor ", kOpenClipFiles[1]);
  }
  if (hugging_face) {
    fail(ErrorKind::kPath, folder.string(), ": config.json is there but neither ", kHfFiles[0],
         " nor ", kHfFiles[2], ", nor an index of shards (", kHfFiles[1], ")");
  }
  fail(ErrorKind::kPath, folder.string(),
       ": no CLIP in this folder; expected config.json with model.safetensors (Hugging Face), or "
       "open_clip_config.json with open_clip_model.safetensors (OpenCLIP). An OpenAI .pt or "
       ".safetensors is named by its own path.");
}

Checkpoint open_file(const fs::path& path, const std::string& activation) {
  WeightStore store =
      is_shard_index(path.string()) ? read_shards(path.string()) : read_weights(path.string());
  const bool of_training = is_open_clip_training(store);
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
  refuse_other_kinds(store);
  if (of_training && activation.empty()) {
    fail(ErrorKind::kUsage, path.string(),
         ": this is a training checkpoint of OpenCLIP, which does not say the activation of its "
         "model. Say it with --activation: quick_gelu where the model's name ends in -quickgelu or "
         "it was trained on from OpenAI's weights, gelu otherwise");
  }
  if (store.contains(cat("text.", kOpenAiMark))) merge_text_prefix(store);
  if (is_slip(store)) return open_slip(std::move(store));
  Checkpoint checkpoint;
  checkpoint.architecture = infer_openai(store, checkpoint.faults);
  checkpoint.store = std::move(store);
  return checkpoint;
}

}  // namespace

Checkpoint open_checkpoint(const std::string& path, const std::string& said) {
  std::error_code error;
  const bool folder = fs::is_directory(path, error);
  const std::string activation =
      said.empty() && !folder ? published_activation(fs::path(path).filename().string()) : said;
  Checkpoint checkpoint = folder ? open_folder(path) : open_file(path, activation);
  if (!activation.empty()) {
    ClipConfig& config = checkpoint.architecture.config;
    config.activation = parse_choice(activation, {"quick_gelu", "gelu"}) == 0
                            ? Activation::kQuickGelu
                            : Activation::kGelu;
    config.activation_assumed = false;
  }
  check_architecture(checkpoint.architecture, checkpoint.store.source);
  return checkpoint;
}

}  // namespace qprompt::checkpoint
