#include <xxhash.h>

#include <cstring>
#include <new>

#include "qprompt/weights.h"

namespace qprompt {
namespace {

XXH3_state_t* as_state(void* state) { return static_cast<XXH3_state_t*>(state); }

}  // namespace

Digest::Digest() : state_(XXH3_createState()) {
  if (state_ == nullptr) throw std::bad_alloc();
  XXH3_128bits_reset(as_state(state_));
}

Digest::~Digest() { XXH3_freeState(as_state(state_)); }

void Digest::update(const void* data, size_t bytes) {
  if (bytes > 0) XXH3_128bits_update(as_state(state_), data, bytes);
}

void Digest::update_text(const std::string& text) {
  uint8_t length[8];
  for (int i = 0; i < 8; ++i) length[i] = static_cast<uint8_t>(uint64_t{text.size()} >> (8 * i));
  update(length, sizeof length);
  update(text.data(), text.size());
}

Digest::Bytes Digest::bytes() const {
  XXH128_canonical_t canonical;
  XXH128_canonicalFromHash(&canonical, XXH3_128bits_digest(as_state(state_)));
  Bytes out;
  std::memcpy(out.data(), canonical.digest, out.size());
  return out;
}

std::string Digest::hex() const { return to_hex(bytes()); }

std::string to_hex(const Digest::Bytes& bytes) {
  std::string out;
  for (const uint8_t byte : bytes) {
    out += "0123456789abcdef"[byte >> 4];
    out += "0123456789abcdef"[byte & 15];
  }
  return out;
}

}  // namespace qprompt
