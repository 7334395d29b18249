#include <bit>
#include <cmath>
#include <numeric>
#include <unordered_set>

#include "qprompt/base.h"

namespace qprompt {
namespace {

constexpr int kStateSize = 624;
constexpr int kShift = 397;

}  // namespace

// MT19937 seeded by init_by_array over the seed's little-endian 32-bit words, as CPython does it.
Rng::Rng(uint64_t seed) {
  const uint32_t key[2] = {static_cast<uint32_t>(seed), static_cast<uint32_t>(seed >> 32)};
  const int key_length = key[1] != 0 ? 2 : 1;
  state_[0] = 19650218u;
  for (int i = 1; i < kStateSize; ++i) {
    state_[i] = 1812433253u * (state_[i - 1] ^ (state_[i - 1] >> 30)) + static_cast<uint32_t>(i);
  }
  int i = 1, j = 0;
  const auto advance = [&] {
    if (++i >= kStateSize) {
      state_[0] = state_[kStateSize - 1];
      i = 1;
    }
  };
  for (int k = 0; k < kStateSize; ++k) {
    state_[i] = (state_[i] ^ ((state_[i - 1] ^ (state_[i - 1] >> 30)) * 1664525u)) + key[j] +
                static_cast<uint32_t>(j);
    advance();
    j = (j + 1) % key_length;
  }
  for (int k = 0; k < kStateSize - 1; ++k) {
    state_[i] = (state_[i] ^ ((state_[i - 1] ^ (state_[i - 1] >> 30)) * 1566083941u)) -
                static_cast<uint32_t>(i);
    advance();
  }
  state_[0] = 0x80000000u;
}

uint32_t Rng::next_u32() {
  if (index_ == kStateSize) {
    for (int k = 0; k < kStateSize; ++k) {
      const uint32_t y = (state_[k] & 0x80000000u) | (state_[(k + 1) % kStateSize] & 0x7fffffffu);
      state_[k] = state_[(k + kShift) % kStateSize] ^ (y >> 1) ^ ((y & 1u) ? 0x9908b0dfu : 0u);
    }
    index_ = 0;
  }
  uint32_t y = state_[index_++];
  y ^= y >> 11;
  y ^= (y << 7) & 0x9d2c5680u;
  y ^= (y << 15) & 0xefc60000u;
  return y ^ (y >> 18);
}

int64_t Rng::below(int64_t n) {
  if (n < 1 || n > INT64_C(0xffffffff)) {
    fail(ErrorKind::kInternal, "Rng::below: ", n, " is outside 1 … 2^32 − 1");
  }
  const int bits = std::bit_width(static_cast<uint64_t>(n));
  for (;;) {
    const int64_t draw = next_u32() >> (32 - bits);
    if (draw < n) return draw;
  }
}

double Rng::uniform() {
  const uint32_t a = next_u32() >> 5, b = next_u32() >> 6;
  return (a * 67108864.0 + b) * (1.0 / 9007199254740992.0);
}

double Rng::normal() {
  const double radius = std::sqrt(-2.0 * std::log(1.0 - uniform()));
  return radius * std::cos(2.0 * 3.14159265358979323846 * uniform());
}

std::vector<int64_t> Rng::sample(int64_t n, int64_t k) {
  if (k < 0 || k > n) fail(ErrorKind::kInternal, "Rng::sample: ", k, " of ", n);
  int64_t set_size = 21;  // CPython's measure of when a set is smaller than a list
  if (k > 5) {
    int64_t power = 1;  // 4^⌈log4(3k)⌉
    while (power < 3 * k) power *= 4;
    set_size += power;
  }
  std::vector<int64_t> drawn;
  drawn.reserve(static_cast<size_t>(k));
  if (n <= set_size) {
    std::vector<int64_t> pool(static_cast<size_t>(n));
    std::iota(pool.begin(), pool.end(), 0);
    for (int64_t i = 0; i < k; ++i) {
      const auto j = static_cast<size_t>(below(n - i));
      drawn.push_back(pool[j]);
      pool[j] = pool[static_cast<size_t>(n - i - 1)];
    }
    return drawn;
  }
  std::unordered_set<int64_t> seen;
  while (static_cast<int64_t>(drawn.size()) < k) {
    const int64_t j = below(n);
    if (seen.insert(j).second) drawn.push_back(j);
  }
  return drawn;
}

std::vector<int64_t> Rng::permutation(int64_t n) {
  std::vector<int64_t> order(static_cast<size_t>(n));
  std::iota(order.begin(), order.end(), 0);
  for (int64_t i = n - 1; i >= 1; --i) {
    std::swap(order[static_cast<size_t>(i)], order[static_cast<size_t>(below(i + 1))]);
  }
  return order;
}

}  // namespace qprompt
