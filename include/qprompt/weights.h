// Room `weights`: tensor files (safetensors, torch archives) and digests. Nothing is ever executed.
#pragma once

#include <ATen/core/Tensor.h>

#include <array>
#include <cstdint>
#include <deque>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace qprompt {

/// The named tensors of one file. Tensors may be views of a read-only mapping that lives as long as
/// any of them: never write into one.
struct WeightStore {
  std::string source;                           ///< the file, for messages
  std::map<std::string, at::Tensor> tensors;    ///< CPU tensors in the file's own dtype
  std::map<std::string, std::string> metadata;  ///< safetensors `__metadata__`; empty otherwise

  bool contains(const std::string& name) const { return tensors.count(name) != 0; }
  /// Throws Error(kContent) naming the file and the tensor when it is absent.
  const at::Tensor& at(const std::string& name) const;
};

/// Reads a `.safetensors` file or what torch saved: a zip archive (TorchScript or pickled
/// checkpoint), or the stream of pickles from before 1.6; which one is told from its first bytes.
/// Archives saved from a GPU come back on the CPU. Nested dictionaries and modules give dotted
/// names ("state_dict.ctx", "visual.conv1.weight"); integers become 0-d int64 tensors; booleans,
/// floats, text, lists and the inside of other classes are left out. Throws kPath (missing,
/// unreadable) or kContent (damaged, hostile, unsupported; says where).
WeightStore read_weights(const std::string& path);

/// The same for a safetensors file only; every offset and size is checked before use.
WeightStore read_safetensors(const std::string& path);

/// Writes dense tensors of any real type that the format knows, whole or not at all. Same input,
/// same bytes: names in byte order, metadata sorted. Throws kPath, or kContent for a tensor or name
/// that it cannot hold.
void write_safetensors(const std::string& path, const std::map<std::string, at::Tensor>& tensors,
                       const std::map<std::string, std::string>& metadata);

/// One value of a pickle, as data: nothing is ever imported or called. Values point at each other
/// and may be shared or even form circles, as in Python; all belong to the PickleTree. Whoever
/// walks them bounds depth and number of visits.
struct PickleValue {
  enum class Kind : uint8_t {
    kNone,
    kBool,     ///< integer: 0 or 1
    kInt,      ///< integer
    kBigInt,   ///< beyond 64 bits; text: its little-endian two's complement
    kFloat,    ///< real
    kString,   ///< text: UTF-8 (a Python 2 `str`: its bytes)
    kBytes,    ///< text
    kList,     ///< items; also sets
    kTuple,    ///< items
    kDict,     ///< pairs in the order written; state: attributes, if any
    kGlobal,   ///< text: "module.name", a class or function that is only a name here
    kObject,   ///< cls, args, state as given; items and pairs for children of list and dict
    kStorage,  ///< tensor: 1-D, all values of a torch storage
    kTensor,   ///< tensor: a view of a storage
  };

  explicit PickleValue(Kind k) : kind(k) {}

  Kind kind;
  int64_t integer = 0;
  double real = 0;
  std::string text;
  std::vector<PickleValue*> items;
  std::vector<std::pair<PickleValue*, PickleValue*>> pairs;
  PickleValue* cls = nullptr;    ///< the class or function; mostly kGlobal
  PickleValue* args = nullptr;   ///< what it would be called with; mostly kTuple
  PickleValue* state = nullptr;  ///< what BUILD gives
  at::Tensor tensor;

  bool is(Kind k) const { return kind == k; }
  /// Whether this is the class or function "module.name".
  bool is_global(std::string_view name) const { return kind == Kind::kGlobal && text == name; }
  /// The value of the last pair with this string key; nullptr when there is none.
  const PickleValue* find(std::string_view key) const;
};

struct PickleTree {
  std::deque<PickleValue> values;  ///< owns every value; a deque, so that addresses stay
  const PickleValue* root = nullptr;
  size_t end = 0;  ///< the byte after the pickle
};

/// Reads a plain pickle file (protocols 2 to 5, no tensors in it): at most 256 MB, 2²⁰ values.
/// Throws kPath, or kContent with the byte where it is damaged or hostile.
PickleTree read_pickle(const std::string& path);

/// A 128-bit digest (XXH3) for fingerprints and cache keys; not for security.
class Digest {
 public:
  using Bytes = std::array<uint8_t, 16>;
  Digest();
  ~Digest();
  Digest(const Digest&) = delete;
  Digest& operator=(const Digest&) = delete;

  void update(const void* data, size_t bytes);
  /// Adds the length, then the bytes, so that ("ab", "c") and ("a", "bc") differ.
  void update_text(const std::string& text);
  Bytes bytes() const;
  std::string hex() const;

 private:
  void* state_;
};

/// "0123abcd…", 32 lower-case digits.
std::string to_hex(const Digest::Bytes& bytes);

}  // namespace qprompt
