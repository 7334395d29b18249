// What pickles say about classes and functions. A name stays a name and a call stays a note of what
// would have been called; the few calls that only stand for data are answered with that data.

#include <algorithm>

#include "base/aten.h"
#include "weights/impl/pickle_machine.h"

namespace qprompt {
namespace {

struct StorageType {
  const char* name;
  at::ScalarType dtype;
};

constexpr StorageType kStorageTypes[] = {{"DoubleStorage", at::kDouble},
                                         {"FloatStorage", at::kFloat},
                                         {"HalfStorage", at::kHalf},
                                         {"BFloat16Storage", at::kBFloat16},
                                         {"LongStorage", at::kLong},
                                         {"IntStorage", at::kInt},
                                         {"ShortStorage", at::kShort},
                                         {"CharStorage", at::kChar},
                                         {"ByteStorage", at::kByte},
                                         {"BoolStorage", at::kBool},
                                         {"ComplexFloatStorage", at::kComplexFloat},
                                         {"ComplexDoubleStorage", at::kComplexDouble}};

bool starts_with(const std::string& text, std::string_view start) {
  return text.compare(0, start.size(), start) == 0;
}

}  // namespace

bool PickleMachine::run_object(uint8_t op) {
  if (op == 'c') {  // GLOBAL
    const auto module = line();
    push(make_global(module, line()));
  } else if (op == 0x93) {  // STACK_GLOBAL
    const Value* name = pop();
    const Value* module = pop();
    if (!name->is(Kind::kString) || !module->is(Kind::kString)) fault("a class has no name");
    push(make_global(module->text, name->text));
  } else if (op == 'R') {  // REDUCE
    Value* args = pop();
    Value* function = pop();
    push(reduce(function, args));
  } else if (op == 0x81) {  // NEWOBJ
    Value* args = pop();
    Value* cls = pop();
    push(make_object(cls, args));
  } else if (op == 0x92) {  // NEWOBJ_EX; keyword arguments mean nothing without the class
    pop();
    Value* args = pop();
    Value* cls = pop();
    push(make_object(cls, args));
  } else if (op == 'b') {  // BUILD
    Value* state = pop();
    build(top(), state);
  } else if (op == 'Q') {  // BINPERSID
    push(persistent(*pop()));
  } else {
    return false;
  }
  return true;
}

PickleValue* PickleMachine::make_global(std::string_view module, std::string_view name) {
  // Without a limit, one long text named by many short opcodes would be copied for each of them.
  constexpr size_t kLongest = 1024;
  if (module.size() + name.size() > kLongest) {
    fault("the name of a class or function has more than ", kLongest, " bytes");
  }
  return make_text(Kind::kGlobal, cat(module, '.', name));
}

PickleValue* PickleMachine::make_object(Value* cls, Value* args) {
  Value* object = make(Kind::kObject);
  object->cls = cls;
  object->args = args;
  return object;
}

void PickleMachine::build(Value* target, Value* state) {
  // A tensor's own attributes carry no values; a dictionary's are not items of it.
  if (target->is(Kind::kTensor)) return;
  if (!target->is(Kind::kObject) && !target->is(Kind::kDict)) fault("it builds on no object");
  target->state = state;
}

PickleValue* PickleMachine::reduce(Value* function, Value* args) {
  Value* data = nullptr;
  if (function->is(Kind::kGlobal) && args->is(Kind::kTuple)) {
    data = starts_with(function->text, "torch.") ? rebuild_torch(function->text, args->items)
                                                 : rebuild_container(function->text, args->items);
  }
  return data != nullptr ? data : make_object(function, args);
}

PickleValue* PickleMachine::rebuild_container(const std::string& name, const Items& args) {
  const bool dict = name == "__builtin__.dict" || name == "builtins.dict";
  if (dict || name == "collections.OrderedDict") {
    if (args.empty()) return make(Kind::kDict);
    if (args.size() == 1 && args[0]->is(Kind::kList)) return dict_of_pairs(*args[0]);
  }
  if (name == "collections.defaultdict") return make(Kind::kDict);  // args: what makes defaults
  const bool set = name == "__builtin__.set" || name == "builtins.set" ||
                   name == "__builtin__.frozenset" || name == "builtins.frozenset";
  if (set && args.size() == 1 && args[0]->is(Kind::kList)) return args[0];
  // How protocol 2 writes bytes.
  if (name == "_codecs.encode" && !args.empty() && args[0]->is(Kind::kString)) {
    return bytes_of_latin1(*args[0]);
  }
  return nullptr;
}

PickleValue* PickleMachine::dict_of_pairs(const Value& list) {
  Value* dict = make(Kind::kDict);
  for (const Value* pair : list.items) {
    if (pair->items.size() != 2) fault("an OrderedDict is not made of pairs");
    set_items(dict, pair->items);
  }
  return dict;
}

PickleValue* PickleMachine::bytes_of_latin1(const Value& text) {
  Value* bytes = make(Kind::kBytes);
  const std::string& in = text.text;
  decoded_ += in.size();  // one text may be decoded again and again
  if (decoded_ > limits_.max_bytes) fault("it decodes more than ", limits_.max_bytes, " bytes");
  for (size_t i = 0; i < in.size(); ++i) {
    const auto first = static_cast<uint8_t>(in[i]);
    if (first < 0x80) {
      bytes->text += in[i];
    } else if ((first == 0xc2 || first == 0xc3) && i + 1 < in.size()) {
      bytes->text += static_cast<char>((first & 3) << 6 | (in[++i] & 0x3f));
    } else {
      fault("text that stands for bytes holds a character beyond 255");
    }
  }
  return bytes;
}

PickleValue* PickleMachine::rebuild_torch(const std::string& name, const Items& args) {
  if (name == "torch._utils._rebuild_tensor_v2" || name == "torch._utils._rebuild_tensor") {
    return rebuild_tensor(args);
  }
  if (starts_with(name, "torch._utils._rebuild_parameter")) {
    if (args.empty() || !args[0]->is(Kind::kTensor)) fault("a parameter has no tensor");
    return args[0];
  }
  if (name == "torch._tensor._rebuild_from_type_v2" && args.size() == 4 &&
      args[0]->is(Kind::kGlobal) && args[0]->text != name) {
    return reduce(args[0], args[2]);  // a subclass of Tensor; its data is an ordinary tensor's
  }
  // TorchScript's typed lists, and its note of a container's type.
  if (starts_with(name, "torch.jit._pickle.build_") && args.size() == 1 &&
      args[0]->is(Kind::kList)) {
    return args[0];
  }
  if (name == "torch.jit._pickle.restore_type_tag" && args.size() == 2) return args[0];
  if (name == "torch.Size" && args.size() == 1 && args[0]->is(Kind::kTuple)) return args[0];
  return nullptr;
}

std::vector<int64_t> PickleMachine::integers(const Value& tuple, const char* what) {
  constexpr size_t kMaxDimensions = 64;  // ATen's own limit
  if ((!tuple.is(Kind::kTuple) && !tuple.is(Kind::kList)) || tuple.items.size() > kMaxDimensions) {
    fault("a tensor's ", what, " is no short tuple");
  }
  std::vector<int64_t> out;
  for (const Value* item : tuple.items) {
    if (!item->is(Kind::kInt) || item->integer < 0) {
      fault("a tensor's ", what, " holds something other than a number from 0 up");
    }
    out.push_back(item->integer);
  }
  return out;
}

PickleValue* PickleMachine::rebuild_tensor(const Items& args) {
  if (args.size() < 4 || !args[0]->is(Kind::kStorage) || !args[1]->is(Kind::kInt)) {
    fault("a tensor is not made of storage, offset, size and stride");
  }
  const at::Tensor& storage = args[0]->tensor;  // (numel)
  const int64_t offset = args[1]->integer;
  const auto sizes = integers(*args[2], "size");
  const auto strides = integers(*args[3], "stride");
  const auto numel = checked_numel(sizes);
  if (offset < 0 || sizes.size() != strides.size() || !numel) {
    fault("a tensor has offset ", offset, ", sizes ", at::IntArrayRef(sizes), " and strides ",
          at::IntArrayRef(strides));
  }
  Value* value = make(Kind::kTensor);
  if (*numel == 0) {
    value->tensor = at::empty(sizes, storage.options());
    return value;
  }
  int64_t left = storage.numel() - 1 - offset;  // how far the last value may lie from the first
  for (size_t i = 0; i < sizes.size() && left >= 0; ++i) {
    const int64_t steps = sizes[i] - 1;
    if (steps > 0 && strides[i] > left / steps) {
      left = -1;
    } else {
      left -= steps * strides[i];
    }
  }
  // A tensor of more values than its storage repeats them, and would burst when it is copied.
  if (left < 0 || *numel > storage.numel()) {
    fault("a tensor of sizes ", at::IntArrayRef(sizes), ", strides ", at::IntArrayRef(strides),
          " and offset ", offset, " does not fit its storage of ", storage.numel(), " values");
  }
  // A storage may be a part of another one; as_strided counts from the whole one's beginning.
  value->tensor = at::as_strided(storage, sizes, strides, storage.storage_offset() + offset);
  return value;
}

PickleValue* PickleMachine::persistent(const Value& id) {
  if (!load_) fault("it names data outside itself, which is not expected here");
  // ("storage", type, key, where it was, number of values); before torch 1.6 a part of another
  // storage says so behind that.
  const Items& parts = id.items;
  if (id.is(Kind::kTuple) && parts.size() == 4 && parts[0]->is(Kind::kString) &&
      parts[0]->text == "module" && parts[1]->is(Kind::kGlobal)) {
    return parts[1];  // a class, with its source code, which is of no use here
  }
  if (!id.is(Kind::kTuple) || parts.size() < 5 || !parts[0]->is(Kind::kString) ||
      parts[0]->text != "storage" || !parts[1]->is(Kind::kGlobal) || !parts[2]->is(Kind::kString) ||
      !parts[4]->is(Kind::kInt) || parts[4]->integer < 0) {
    fault("a persistent id is no storage of torch");
  }
  const std::string& type = parts[1]->text;
  const auto known = std::find_if(std::begin(kStorageTypes), std::end(kStorageTypes),
                                  [&](const auto& t) { return type == cat("torch.", t.name); });
  if (known == std::end(kStorageTypes)) {
    fail(ErrorKind::kContent, "'", source_, "': storage ", in_quotes(parts[2]->text),
         " has the type ", in_quotes(type),
         ", which is not known; convert the tensor and save again");
  }
  Value* value = make(Kind::kStorage);
  value->tensor = load_({parts[2]->text, known->dtype, parts[4]->integer});
  if (parts.size() > 5 && !parts[5]->is(Kind::kNone)) {
    value->tensor = part_of(value->tensor, *parts[5]);
  }
  return value;
}

at::Tensor PickleMachine::part_of(const at::Tensor& storage, const Value& part) {
  const Items& items = part.items;  // key of the part, offset, number of values
  if (!part.is(Kind::kTuple) || items.size() != 3 || !items[1]->is(Kind::kInt) ||
      !items[2]->is(Kind::kInt)) {
    fault("a part of a storage is not made of key, offset and size");
  }
  const int64_t offset = items[1]->integer, size = items[2]->integer;
  if (offset < 0 || size < 0 || offset > storage.numel() || size > storage.numel() - offset) {
    fault("a part of ", size, " values from ", offset, " on does not fit its storage of ",
          storage.numel(), " values");
  }
  return storage.narrow(0, offset, size);  // (size)
}

}  // namespace qprompt
