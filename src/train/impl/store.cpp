#include "train/impl/store.h"

#include "base/aten.h"

namespace qprompt::train {
namespace {

std::span<const float> values_of(const at::Tensor& flat) {
  return {flat.data_ptr<float>(), static_cast<size_t>(flat.numel())};
}

StoredTensor plain_tensor(const ParameterSpec& spec, const at::Tensor& value, int64_t bits) {
  StoredTensor out;
  out.name = spec.name;
  out.shape = spec.shape;
  out.bits = bits;
  const at::Tensor flat = value.contiguous().view(-1);  // (N)
  const auto values = values_of(flat);
  out.plain.assign(values.begin(), values.end());
  if (bits == 16) {
    for (float& v : out.plain) v = from_half(to_half(v));
  }
  return out;
}

}  // namespace

std::vector<StoredTensor> store_all(const Storing& storing, Weights& weights) {
  std::vector<StoredTensor> tensors;
  for (size_t i = 0; i < storing.specs.size(); ++i) {
    const ParameterSpec& spec = storing.specs[i];
    if (!storing.in_codes[i]) {
      tensors.push_back(plain_tensor(spec, weights.values[i], storing.plain_bits));
      continue;
    }
    StoredTensor& out = tensors.emplace_back();
    out.name = spec.name;
    out.shape = spec.shape;
    out.bits = storing.quantizer.bits;
    const at::Tensor flat = weights.values[i].contiguous().view(-1);  // (N)
    auto& quantizer = weights.quantizers[i];
    out.quantized = quantizer ? quantizer->store(weights.values[i])
                              : quantize_once(values_of(flat), storing.quantizer);
  }
  return tensors;
}

std::vector<StoredTensor> store_exact(const Storing& storing, const Weights& weights) {
  std::vector<StoredTensor> tensors;
  for (size_t i = 0; i < storing.specs.size(); ++i) {
    tensors.push_back(plain_tensor(storing.specs[i], weights.values[i], 32));
  }
  return tensors;
}

}  // namespace qprompt::train
