#include "train/impl/noise.h"

#include "base/aten.h"
#include "qprompt/base.h"

namespace qprompt::train {
namespace {

/// Steele, Lea and Flood's SplitMix64 output function: near keys give unrelated seeds.
uint64_t scramble(uint64_t x) {
  x += 0x9e3779b97f4a7c15u;
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
  x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
  return x ^ (x >> 31);
}

}  // namespace

at::Tensor step_noise(const NoiseKey& key, at::IntArrayRef shape, double deviation) {
  uint64_t seed = scramble(key.seed);
  seed = scramble(seed ^ static_cast<uint64_t>(key.step));
  seed = scramble(seed ^ static_cast<uint64_t>(key.tensor));
  Rng rng(seed);
  at::Tensor noise = at::empty(shape, at::kFloat);
  float* values = noise.data_ptr<float>();
  for (int64_t i = 0; i < noise.numel(); ++i) {
    values[i] = static_cast<float>(deviation * rng.normal());
  }
  return noise;
}

}  // namespace qprompt::train
