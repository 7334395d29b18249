#include "train/impl/state.h"

#include <cstring>
#include <filesystem>
#include <type_traits>

#include "base/aten.h"
#include "qprompt/weights.h"

namespace qprompt::train {
namespace {

/// 1: between epochs, SGD only. 2: at any step, any optimizer, the best epoch.
constexpr const char* kStateFormat = "2";

using Tensors = std::map<std::string, at::Tensor>;

struct Numbers {
  int64_t steps = 0, best_epoch = 0, best_right = 0;
  double epoch_loss = 0;
};

at::Tensor to_bytes(const void* data, size_t size) {
  at::Tensor bytes = at::empty({static_cast<int64_t>(size)}, at::kByte);
  std::memcpy(bytes.data_ptr(), data, size);
  return bytes;
}

std::string from_bytes(const at::Tensor& bytes) {
  const at::Tensor whole = bytes.contiguous();
  return {static_cast<const char*>(whole.data_ptr()), static_cast<size_t>(whole.nbytes())};
}

std::string digest_of(const Tensors& tensors) {
  Digest digest;
  for (const auto& [name, tensor] : tensors) {
    digest.update_text(name);
    const at::Tensor whole = tensor.contiguous();
    digest.update(whole.data_ptr(), static_cast<size_t>(whole.nbytes()));
  }
  return digest.hex();
}

void put_weights(Tensors& tensors, const std::string& prefix, const Weights& weights,
                 const std::vector<ParameterSpec>& specs) {
  for (size_t i = 0; i < weights.values.size(); ++i) {
    tensors[prefix + "value." + specs[i].name] = weights.values[i];
    if (!weights.quantizers[i]) continue;
    const std::string bytes = weights.quantizers[i]->save_state();
    tensors[prefix + "quantizer." + specs[i].name] = to_bytes(bytes.data(), bytes.size());
  }
}

/// A checkpoint may be anybody's, with a digest that fits.
void take_tensor(const WeightStore& file, const std::string& name, at::Tensor& value) {
  const at::Tensor& kept = file.at(name);  // as `value`
  if (kept.scalar_type() != value.scalar_type() || kept.sizes() != value.sizes()) {
    fail(ErrorKind::kContent, "the checkpoint's tensor '", name,
         "' has another shape or type than this run's; remove the checkpoint to start again");
  }
  value.copy_(kept);
}

void take_weights(const WeightStore& file, const std::string& prefix, Weights& weights,
                  const std::vector<ParameterSpec>& specs) {
  for (size_t i = 0; i < specs.size(); ++i) {
    take_tensor(file, prefix + "value." + specs[i].name, weights.values[i]);
    if (!weights.quantizers[i]) continue;
    weights.quantizers[i]->load_state(from_bytes(file.at(prefix + "quantizer." + specs[i].name)));
  }
}

/// Refuses what is not this run's, by what the file says of itself.
void check_state(const WeightStore& file, const Resume& resume) {
  const auto metadata = [&](const char* name, const char* otherwise) {
    const auto found = file.metadata.find(name);
    return found == file.metadata.end() ? std::string(otherwise) : found->second;
  };
  const std::string format = metadata("format", "1");
  if (format != kStateFormat) {
    fail(ErrorKind::kContent, "the checkpoint '", resume.path, "' has format ", format,
         ", of another version of qprompt, and this one reads format ", kStateFormat,
         "; finish the run with the version that began it, or remove the file to start again");
  }
  if (metadata("key", "") != resume.key) {
    fail(ErrorKind::kContent, "the checkpoint '", resume.path,
         "' belongs to a run with other settings, data or model; give another --out, or remove it "
         "to start again");
  }
  if (metadata("digest", "") != digest_of(file.tensors)) {
    fail(ErrorKind::kContent, "the checkpoint '", resume.path,
         "' is damaged; remove it to start again");
  }
}

}  // namespace

Weights copy_of(const Weights& weights) {
  Weights copy{{}, weights.quantizers};
  for (const at::Tensor& value : weights.values) copy.values.push_back(value.clone());
  return copy;
}

void save_state(const Resume& resume, const Learner& learner, const TrainState& state) {
  Tensors tensors;
  const auto specs = learner.parameters();
  put_weights(tensors, "", state.now, specs);
  for (size_t i = 0; i < specs.size(); ++i) {
    tensors["first." + specs[i].name] = state.moments[i].first;
    if (state.moments[i].second.defined()) {
      tensors["second." + specs[i].name] = state.moments[i].second;
    }
  }
  if (state.best.epoch > 0) put_weights(tensors, "best.", state.best.weights, specs);
  tensors["epochs"] = to_bytes(state.epochs.data(), state.epochs.size() * sizeof(EpochRecord));
  const Numbers numbers{state.steps, state.best.epoch, state.best.right, state.epoch_loss};
  static_assert(std::is_trivially_copyable_v<Numbers> && sizeof(Numbers) == 32);
  tensors["numbers"] = to_bytes(&numbers, sizeof numbers);
  write_safetensors(
      resume.path, tensors,
      {{"format", kStateFormat}, {"key", resume.key}, {"digest", digest_of(tensors)}});
}

void remove_other_checkpoint(const Resume& resume) {
  if (!std::filesystem::exists(resume.path)) return;
  bool same = false;
  try {
    const WeightStore file = read_safetensors(resume.path);
    const auto key = file.metadata.find("key");
    same = key != file.metadata.end() && key->second == resume.key;
  } catch (const Error& e) {
    if (e.kind() != ErrorKind::kContent) throw;  // it may be sound, and not readable just now
  }
  if (!same) std::filesystem::remove(resume.path);
}

bool load_state(const Resume& resume, const Learner& learner, TrainState& state) {
  if (resume.path.empty() || !std::filesystem::exists(resume.path)) return false;
  const WeightStore file = read_safetensors(resume.path);
  check_state(file, resume);
  const auto specs = learner.parameters();
  take_weights(file, "", state.now, specs);
  for (size_t i = 0; i < specs.size(); ++i) {
    take_tensor(file, "first." + specs[i].name, state.moments[i].first);
    if (!state.moments[i].second.defined()) continue;
    take_tensor(file, "second." + specs[i].name, state.moments[i].second);
  }
  const std::string epochs = from_bytes(file.at("epochs"));
  state.epochs.resize(epochs.size() / sizeof(EpochRecord));
  std::memcpy(state.epochs.data(), epochs.data(), state.epochs.size() * sizeof(EpochRecord));
  Numbers numbers;
  const std::string bytes = from_bytes(file.at("numbers"));
  if (bytes.size() != sizeof numbers) fail(ErrorKind::kContent, "'", resume.path, "' is damaged");
  std::memcpy(&numbers, bytes.data(), bytes.size());
  state.steps = numbers.steps;
  state.epoch_loss = numbers.epoch_loss;
  if (numbers.best_epoch > 0) {
    state.best = {numbers.best_epoch, numbers.best_right, copy_of(state.now)};
    take_weights(file, "best.", state.best.weights, specs);
  }
  return true;
}

}  // namespace qprompt::train
