// Python's pickle format, protocols 2 to 5, read as data: nothing is ever imported or called.
// Private to the room `weights`.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <deque>
#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace qprompt {

/// One value. Values point at each other and may be shared or even form circles, as in Python; all
/// belong to the PickleTree. Whoever walks them bounds depth and number of visits.
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

struct PickleLimits {
  size_t max_bytes = size_t{256} << 20;     ///< of the pickle itself
  size_t max_values = size_t{1} << 20;      ///< values made; each takes some 150 bytes
  size_t max_stack = size_t{1} << 20;       ///< values on the stack, and marks
  size_t max_memo = size_t{1} << 20;        ///< values remembered
  size_t max_references = size_t{1} << 24;  ///< members of all containers together
};

/// A torch storage as a persistent id names it.
struct StorageRequest {
  std::string key;
  at::ScalarType dtype;
  int64_t numel = 0;  ///< not negative
};

/// Gives the 1-D tensor of a storage, or throws.
using LoadStorage = std::function<at::Tensor(const StorageRequest&)>;

/// Reads one pickle. Calls of classes and functions become kObject, except for a few that only
/// rebuild data (tensors, dictionaries, sets, bytes), which are rebuilt here. Without `load`, a
/// persistent id is an error. Throws Error(kContent) with `source` and the byte.
PickleTree parse_pickle(std::string_view bytes, const std::string& source,
                        const LoadStorage& load = nullptr, const PickleLimits& limits = {});

}  // namespace qprompt
