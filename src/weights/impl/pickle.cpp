// Opcodes: Python's Lib/pickletools.py. Protocols 0 and 1 have text opcodes of their own, which
// torch never writes; they are refused.
#include "weights/impl/pickle.h"

#include <bit>
#include <limits>

#include "weights/impl/pickle_machine.h"

namespace qprompt {

const PickleValue* PickleValue::find(std::string_view key) const {
  for (auto it = pairs.rbegin(); it != pairs.rend(); ++it) {
    if (it->first->is(Kind::kString) && it->first->text == key) return it->second;
  }
  return nullptr;
}

PickleTree parse_pickle(std::string_view bytes, const std::string& source, const LoadStorage& load,
                        const PickleLimits& limits) {
  return PickleMachine(bytes, source, load, limits).run();
}

PickleTree PickleMachine::run() {
  if (bytes_.size() > limits_.max_bytes) {
    fault("it has ", bytes_.size(), " bytes; at most ", limits_.max_bytes, " are read");
  }
  while (!stopped_) {
    const uint8_t op = number<uint8_t>();
    if (!run_frame(op) && !run_scalar(op) && !run_text(op) && !run_sequence(op) &&
        !run_mapping(op) && !run_stack(op) && !run_memo(op) && !run_object(op)) {
      --at_;
      fault("opcode ", int{op}, " is not one of protocols 2 to 5 that is known here");
    }
  }
  return std::move(tree_);
}

std::string_view PickleMachine::take(uint64_t count) {
  if (count > bytes_.size() - at_) fault("it ends before its STOP");
  const auto out = bytes_.substr(at_, count);
  at_ += count;
  return out;
}

std::string_view PickleMachine::line() {
  const size_t end = bytes_.find('\n', at_);
  if (end == std::string_view::npos) fault("it ends before its STOP");
  const auto out = take(end - at_);
  ++at_;
  return out;
}

PickleValue* PickleMachine::make(Kind kind) {
  if (tree_.values.size() >= limits_.max_values) {
    fault("it makes more than ", limits_.max_values, " values");
  }
  return &tree_.values.emplace_back(kind);
}

PickleValue* PickleMachine::make_text(Kind kind, std::string_view text) {
  Value* value = make(kind);
  value->text = text;
  return value;
}

PickleValue* PickleMachine::make_integer(std::string_view little_endian) {
  const size_t size = little_endian.size();
  if (size > 8) return make_text(Kind::kBigInt, little_endian);
  uint64_t bits = size > 0 && (little_endian.back() & 0x80) != 0 ? ~uint64_t{0} : 0;
  for (size_t i = size; i-- > 0;) bits = bits << 8 | static_cast<uint8_t>(little_endian[i]);
  Value* value = make(Kind::kInt);
  value->integer = static_cast<int64_t>(bits);
  return value;
}

void PickleMachine::push(Value* value) {
  if (stack_.size() >= limits_.max_stack) {
    fault("its stack grows beyond ", limits_.max_stack, " values");
  }
  stack_.push_back(value);
}

PickleValue* PickleMachine::top() {
  // Like Python's, the part of the stack below a mark is out of reach until the mark is taken.
  if (stack_.size() <= (marks_.empty() ? 0 : marks_.back())) fault("its stack is empty");
  return stack_.back();
}

PickleValue* PickleMachine::pop() {
  Value* value = top();
  stack_.pop_back();
  return value;
}

PickleMachine::Items PickleMachine::pop_to_mark() {
  if (marks_.empty()) fault("a mark is missing");
  const auto begin = stack_.begin() + static_cast<std::ptrdiff_t>(marks_.back());
  Items items(begin, stack_.end());
  stack_.erase(begin, stack_.end());
  marks_.pop_back();
  return items;
}

void PickleMachine::remember(uint64_t key) {
  memo_[key] = top();
  if (memo_.size() > limits_.max_memo) fault("its memo grows beyond ", limits_.max_memo);
}

void PickleMachine::recall(uint64_t key) {
  const auto found = memo_.find(key);
  if (found == memo_.end()) fault("memo ", key, " was never set");
  push(found->second);
}

void PickleMachine::count_references(size_t count) {
  references_ += count;
  if (references_ > limits_.max_references) {
    fault("its containers have more than ", limits_.max_references, " members");
  }
}

void PickleMachine::append(Value* list, const Items& items) {
  if (!list->is(Kind::kList) && !list->is(Kind::kObject)) fault("it appends to no list");
  count_references(items.size());
  list->items.insert(list->items.end(), items.begin(), items.end());
}

void PickleMachine::set_items(Value* dict, const Items& keys_and_values) {
  if (!dict->is(Kind::kDict) && !dict->is(Kind::kObject)) fault("it sets items of no dictionary");
  if (keys_and_values.size() % 2 != 0) fault("a dictionary's key has no value");
  count_references(keys_and_values.size());
  for (size_t i = 0; i < keys_and_values.size(); i += 2) {
    dict->pairs.emplace_back(keys_and_values[i], keys_and_values[i + 1]);
  }
}

bool PickleMachine::run_frame(uint8_t op) {
  if (op == 0x80) {  // PROTO
    const int protocol = number<uint8_t>();
    if (protocol < 2 || protocol > 5) fault("protocol ", protocol, " is not 2, 3, 4 or 5");
  } else if (op == 0x95) {  // FRAME: only a hint for readers of streams
    if (number<uint64_t>() > bytes_.size() - at_) fault("a frame goes beyond its end");
  } else if (op == '.') {  // STOP
    tree_.root = pop();
    tree_.end = at_;
    stopped_ = true;
  } else {
    return false;
  }
  return true;
}

bool PickleMachine::run_scalar(uint8_t op) {
  switch (op) {
    case 'N':  // NONE
      push(make(Kind::kNone));
      return true;
    case 0x88:  // NEWTRUE
    case 0x89:  // NEWFALSE
      push(make(Kind::kBool));
      stack_.back()->integer = op == 0x88 ? 1 : 0;
      return true;
    case 'K':  // BININT1
      push(make(Kind::kInt));
      stack_.back()->integer = number<uint8_t>();
      return true;
    case 'M':  // BININT2
      push(make(Kind::kInt));
      stack_.back()->integer = number<uint16_t>();
      return true;
    case 'J':  // BININT
      push(make(Kind::kInt));
      stack_.back()->integer = number<int32_t>();
      return true;
    case 0x8a:  // LONG1
      push(make_integer(take(number<uint8_t>())));
      return true;
    case 0x8b: {  // LONG4
      const auto size = number<int32_t>();
      if (size < 0) fault("an integer has ", size, " bytes");
      push(make_integer(take(static_cast<uint64_t>(size))));
      return true;
    }
    case 'G': {  // BINFLOAT, the one big-endian number
      uint64_t bits = 0;
      for (const char c : take(8)) bits = bits << 8 | static_cast<uint8_t>(c);
      push(make(Kind::kFloat));
      stack_.back()->real = std::bit_cast<double>(bits);
      return true;
    }
    default:
      return false;
  }
}

bool PickleMachine::run_text(uint8_t op) {
  const auto text = [this](Kind kind, uint64_t size) { push(make_text(kind, take(size))); };
  switch (op) {
    case 0x8c:  // SHORT_BINUNICODE
    case 'U':   // SHORT_BINSTRING
      text(Kind::kString, number<uint8_t>());
      return true;
    case 'X':  // BINUNICODE
    case 'T':  // BINSTRING: signed, so that a negative size becomes one beyond the end
      text(Kind::kString, number<uint32_t>());
      return true;
    case 0x8d:  // BINUNICODE8
      text(Kind::kString, number<uint64_t>());
      return true;
    case 'C':  // SHORT_BINBYTES
      text(Kind::kBytes, number<uint8_t>());
      return true;
    case 'B':  // BINBYTES
      text(Kind::kBytes, number<uint32_t>());
      return true;
    case 0x8e:  // BINBYTES8
    case 0x96:  // BYTEARRAY8
      text(Kind::kBytes, number<uint64_t>());
      return true;
    default:
      return false;
  }
}

bool PickleMachine::run_sequence(uint8_t op) {
  const auto push_items = [this](Kind kind, Items items) {
    count_references(items.size());
    Value* value = make(kind);
    value->items = std::move(items);
    push(value);
  };
  switch (op) {
    case ']':   // EMPTY_LIST
    case 0x8f:  // EMPTY_SET
      push(make(Kind::kList));
      return true;
    case 'l':   // LIST
    case 0x91:  // FROZENSET
      push_items(Kind::kList, pop_to_mark());
      return true;
    case ')':  // EMPTY_TUPLE
      push(make(Kind::kTuple));
      return true;
    case 't':  // TUPLE
      push_items(Kind::kTuple, pop_to_mark());
      return true;
    case 0x85:    // TUPLE1
    case 0x86:    // TUPLE2
    case 0x87: {  // TUPLE3
      Items items(static_cast<size_t>(op - 0x84));
      for (auto it = items.rbegin(); it != items.rend(); ++it) *it = pop();
      push_items(Kind::kTuple, std::move(items));
      return true;
    }
    case 'a': {  // APPEND
      Value* item = pop();
      append(top(), {item});
      return true;
    }
    case 'e':     // APPENDS
    case 0x90: {  // ADDITEMS
      const Items items = pop_to_mark();
      append(top(), items);
      return true;
    }
    default:
      return false;
  }
}

bool PickleMachine::run_mapping(uint8_t op) {
  if (op == '}') {  // EMPTY_DICT
    push(make(Kind::kDict));
  } else if (op == 'd') {  // DICT
    const Items items = pop_to_mark();
    push(make(Kind::kDict));
    set_items(top(), items);
  } else if (op == 's') {  // SETITEM
    Value* value = pop();
    Value* key = pop();
    set_items(top(), {key, value});
  } else if (op == 'u') {  // SETITEMS
    const Items items = pop_to_mark();
    set_items(top(), items);
  } else {
    return false;
  }
  return true;
}

bool PickleMachine::run_stack(uint8_t op) {
  if (op == '(') {  // MARK
    if (marks_.size() >= limits_.max_stack) fault("it sets more than ", marks_.size(), " marks");
    marks_.push_back(stack_.size());
  } else if (op == '0') {  // POP; takes a mark when nothing lies above it
    if (!marks_.empty() && stack_.size() == marks_.back()) {
      marks_.pop_back();
    } else {
      pop();
    }
  } else if (op == '1') {  // POP_MARK
    pop_to_mark();
  } else if (op == '2') {  // DUP
    push(top());
  } else {
    return false;
  }
  return true;
}

bool PickleMachine::run_memo(uint8_t op) {
  if (op == 'q') {  // BINPUT
    remember(number<uint8_t>());
  } else if (op == 'r') {  // LONG_BINPUT
    remember(number<uint32_t>());
  } else if (op == 0x94) {  // MEMOIZE
    remember(memo_.size());
  } else if (op == 'h') {  // BINGET
    recall(number<uint8_t>());
  } else if (op == 'j') {  // LONG_BINGET
    recall(number<uint32_t>());
  } else {
    return false;
  }
  return true;
}

}  // namespace qprompt
