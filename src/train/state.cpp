#include "train/state.h"

#include <cstring>
#include <filesystem>

#include "base/aten.h"
#include "qprompt/weights.h"

namespace qprompt {
namespace {

at::Tensor to_bytes(const void* data, size_t size) {
  at::Tensor bytes = at::empty({static_cast<int64_t>(size)}, at::kByte);
  std::memcpy(bytes.data_ptr(), data, size);
  return bytes;
}

std::string from_bytes(const at::Tensor& bytes) {
  const at::Tensor whole = bytes.contiguous();
  return {static_cast<const char*>(whole.data_ptr()), static_cast<size_t>(whole.nbytes())};
}

std::string digest_of(const std::map<std::string, at::Tensor>& tensors) {
  Digest digest;
  for (const auto& [name, tensor] : tensors) {
    digest.update_text(name);
    const at::Tensor whole = tensor.contiguous();
    digest.update(whole.data_ptr(), static_cast<size_t>(whole.nbytes()));
  }
  return digest.hex();
}

}  // namespace

void save_state(const Resume& resume, const Learner& learner, const TrainState& state) {
  std::map<std::string, at::Tensor> tensors;
  const auto specs = learner.parameters();
  for (size_t i = 0; i < specs.size(); ++i) {
    tensors["value." + specs[i].name] = state.values[i];
    tensors["momentum." + specs[i].name] = state.momentum[i];
    if (state.quantizers[i]) {
      const std::string bytes = state.quantizers[i]->save_state();
      tensors["quantizer." + specs[i].name] = to_bytes(bytes.data(), bytes.size());
    }
  }
  tensors["epochs"] = to_bytes(state.epochs.data(), state.epochs.size() * sizeof(EpochRecord));
  tensors["steps"] = to_bytes(&state.steps, sizeof state.steps);
  write_safetensors(resume.path, tensors, {{"key", resume.key}, {"digest", digest_of(tensors)}});
}

bool load_state(const Resume& resume, const Learner& learner, TrainState& state) {
  if (resume.path.empty() || !std::filesystem::exists(resume.path)) return false;
  const WeightStore file = read_safetensors(resume.path);
  const auto metadata = [&](const char* name) {
    const auto found = file.metadata.find(name);
    return found == file.metadata.end() ? std::string() : found->second;
  };
  if (metadata("key") != resume.key) {
    fail(ErrorKind::kContent, "the checkpoint '", resume.path,
         "' belongs to a run with other settings, data or model; give another --out, or remove it "
         "to start again");
  }
  if (metadata("digest") != digest_of(file.tensors)) {
    fail(ErrorKind::kContent, "the checkpoint '", resume.path,
         "' is damaged; remove it to start again");
  }
  const auto specs = learner.parameters();
  for (size_t i = 0; i < specs.size(); ++i) {
    state.values[i].copy_(file.at("value." + specs[i].name));
    state.momentum[i].copy_(file.at("momentum." + specs[i].name));
    if (state.quantizers[i]) {
      state.quantizers[i]->load_state(from_bytes(file.at("quantizer." + specs[i].name)));
    }
  }
  const std::string epochs = from_bytes(file.at("epochs"));
  state.epochs.resize(epochs.size() / sizeof(EpochRecord));
  std::memcpy(state.epochs.data(), epochs.data(), state.epochs.size() * sizeof(EpochRecord));
  const std::string steps = from_bytes(file.at("steps"));
  if (steps.size() == sizeof state.steps) std::memcpy(&state.steps, steps.data(), steps.size());
  return true;
}

}  // namespace qprompt
