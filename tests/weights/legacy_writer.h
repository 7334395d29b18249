// Writes torch's legacy files (before 1.6) by hand, right or wrong, for the tests.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "weights/assembler.h"

namespace qprompt::testing {

inline std::string legacy_magic() {
  return std::string("\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19.");
}

/// Magic number, protocol number and the note of the machine.
inline std::string legacy_head(int32_t protocol = 1001, bool little_endian = true) {
  return legacy_magic() + Pickle().integer(protocol).stop() +
         Pickle()
             .op("}(")
             .text("protocol_version")
             .integer(protocol)
             .text("little_endian")
             .op(little_endian ? "\x88" : "\x89")
             .op("u")
             .stop();
}

/// The persistent id of a storage as the legacy format has it; `part` writes what stands behind
/// the number of values, None where the storage is a whole one.
inline Pickle& legacy_storage(Pickle& pickle, const std::string& type, const std::string& key,
                              int32_t numel, const std::string& part = "N") {
  pickle.op("(").text("storage").global("torch", type).text(key).text("cpu").integer(numel);
  return pickle.op(part).op("tQ");
}

/// A tensor that is the whole of a storage.
inline Pickle& legacy_tensor(Pickle& pickle, const std::string& type, const std::string& key,
                             const std::vector<int32_t>& sizes, const std::string& part = "N") {
  int32_t numel = 1;
  std::vector<int32_t> strides(sizes.size());
  for (size_t i = sizes.size(); i-- > 0; numel *= sizes[i]) strides[i] = numel;
  pickle.global("torch._utils", "_rebuild_tensor_v2").op("(");
  legacy_storage(pickle, type, key, numel, part).integer(0).integers(sizes).integers(strides);
  pickle.op("\x89").global("collections", "OrderedDict").op(")R");
  return pickle.op("tR");
}

struct LegacyStorage {
  std::string key;
  int64_t numel;  ///< as the file says
  std::string bytes;
};

/// The list of keys and the storages.
inline std::string legacy_tail(const std::vector<LegacyStorage>& storages) {
  Pickle keys;
  keys.op("]");
  for (const auto& storage : storages) keys.text(storage.key).op("a");
  std::string out = keys.stop();
  for (const auto& storage : storages) out += little(storage.numel) + storage.bytes;
  return out;
}

template <class Value>
std::string bytes_of(const std::vector<Value>& values) {
  return std::string(reinterpret_cast<const char*>(values.data()), values.size() * sizeof(Value));
}

}  // namespace qprompt::testing
