// The stack machine behind parse_pickle. Private to the pickle reader.
#pragma once

#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "qprompt/base.h"
#include "weights/impl/byte_range.h"
#include "weights/impl/pickle.h"

namespace qprompt {

class PickleMachine {
 public:
  PickleMachine(std::string_view bytes, const std::string& source, const LoadStorage& load,
                const PickleLimits& limits)
      : bytes_(bytes), source_(source), load_(load), limits_(limits) {}

  PickleTree run();

 private:
  using Value = PickleValue;
  using Kind = PickleValue::Kind;
  using Items = std::vector<Value*>;

  // Groups of opcodes; each says whether `op` was one of its own.
  bool run_frame(uint8_t op);
  bool run_scalar(uint8_t op);
  bool run_text(uint8_t op);
  bool run_sequence(uint8_t op);
  bool run_mapping(uint8_t op);
  bool run_stack(uint8_t op);
  bool run_memo(uint8_t op);
  bool run_object(uint8_t op);

  // The bytes.
  std::string_view take(uint64_t count);
  template <class Integer>
  Integer number() {
    return load_little<Integer>(reinterpret_cast<const uint8_t*>(take(sizeof(Integer)).data()));
  }
  std::string_view line();

  // Values and the stack.
  Value* make(Kind kind);
  Value* make_text(Kind kind, std::string_view text);
  Value* make_integer(std::string_view little_endian);
  void push(Value* value);
  Value* pop();
  Value* top();
  Items pop_to_mark();
  void remember(uint64_t key);
  void recall(uint64_t key);
  void count_references(size_t count);
  void append(Value* list, const Items& items);
  void set_items(Value* dict, const Items& keys_and_values);

  // Objects (pickle_objects.cpp). None of them calls anything.
  Value* make_global(std::string_view module, std::string_view name);
  Value* make_object(Value* cls, Value* args);
  Value* reduce(Value* function, Value* args);
  Value* rebuild_container(const std::string& name, const Items& args);
  Value* rebuild_torch(const std::string& name, const Items& args);
  Value* rebuild_tensor(const Items& args);
  Value* dict_of_pairs(const Value& list);
  Value* bytes_of_latin1(const Value& text);
  std::vector<int64_t> integers(const Value& tuple, const char* what);
  void build(Value* target, Value* state);
  Value* persistent(const Value& id);
  at::Tensor part_of(const at::Tensor& storage, const Value& part);

  template <class... Args>
  [[noreturn]] void fault(const Args&... what) const {
    fail(ErrorKind::kContent, "'", source_, "': the pickle is wrong at byte ", at_, ": ", what...,
         "; the file is damaged or is no ordinary pickle, get or write it again");
  }

  std::string_view bytes_;
  const std::string& source_;
  const LoadStorage& load_;
  const PickleLimits limits_;
  PickleTree tree_;
  size_t at_ = 0;
  size_t references_ = 0;
  size_t decoded_ = 0;
  bool stopped_ = false;
  std::vector<Value*> stack_;
  std::vector<size_t> marks_;  // the stack's size at each open mark
  std::unordered_map<uint64_t, Value*> memo_;
};

}  // namespace qprompt
