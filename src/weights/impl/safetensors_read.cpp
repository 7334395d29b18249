#include <algorithm>
#include <tuple>

#include "base/aten.h"
#include "qprompt/base.h"
#include "weights/impl/safetensors.h"

namespace qprompt {
namespace {

struct DtypeName {
  const char* name;
  at::ScalarType dtype;
};

constexpr DtypeName kDtypes[] = {{"F64", at::kDouble},    {"F32", at::kFloat}, {"F16", at::kHalf},
                                 {"BF16", at::kBFloat16}, {"I64", at::kLong},  {"I32", at::kInt},
                                 {"I16", at::kShort},     {"I8", at::kChar},   {"U8", at::kByte},
                                 {"BOOL", at::kBool}};

template <class... Args>
[[noreturn]] void damaged(const ByteRange& file, const Args&... what) {
  fail(ErrorKind::kContent, "'", file.source, "' is not a whole safetensors file: ", what...,
       "; it is cut short or damaged, get or write it again");
}

at::ScalarType dtype_of(const SafetensorsEntry& entry, const ByteRange& file) {
  for (const auto& known : kDtypes) {
    if (entry.dtype == known.name) return known.dtype;
  }
  fail(ErrorKind::kContent, "'", file.source, "': tensor ", in_quotes(entry.name),
       " has the dtype ", in_quotes(entry.dtype),
       "; known are F64 F32 F16 BF16 I64 I32 I16 I8 U8 BOOL; convert it first");
}

/// The entries by their place in the file. Throws unless they fill the data without hole or
/// overlap.
std::vector<const SafetensorsEntry*> check_layout(const SafetensorsHeader& header,
                                                  uint64_t data_bytes, const ByteRange& file) {
  std::vector<const SafetensorsEntry*> order;
  for (const auto& entry : header.entries) order.push_back(&entry);
  std::sort(order.begin(), order.end(), [](const auto* a, const auto* b) {
    return std::tie(a->begin, a->end, a->name) < std::tie(b->begin, b->end, b->name);
  });
  uint64_t next = 0;
  for (const auto* entry : order) {
    if (entry->begin > entry->end || entry->end > data_bytes) {
      damaged(file, "tensor ", in_quotes(entry->name), " has the data offsets ", entry->begin,
              " to ", entry->end, ", but there are ", data_bytes, " bytes of data");
    }
    if (entry->begin != next) {
      damaged(file, "tensor ", in_quotes(entry->name), " begins at data byte ", entry->begin,
              entry->begin < next ? ", inside the tensor before it, which ends at "
                                  : ", after a hole; the tensor before it ends at ",
              next);
    }
    next = entry->end;
  }
  if (next != data_bytes) {
    damaged(file, "its tensors end at data byte ", next, ", but there are ", data_bytes,
            " bytes of data");
  }
  return order;
}

at::Tensor read_tensor(const SafetensorsEntry& entry, const ByteRange& data) {
  const at::ScalarType dtype = dtype_of(entry, data);
  const uint64_t item = c10::elementSize(dtype);
  const uint64_t bytes = entry.end - entry.begin;
  const auto numel = checked_numel(entry.shape);
  if (!numel || bytes % item != 0 || static_cast<uint64_t>(*numel) != bytes / item) {
    damaged(data, "tensor ", in_quotes(entry.name), " of dtype ", entry.dtype, " and shape ",
            at::IntArrayRef(entry.shape), " does not take the ", bytes, " bytes that it has");
  }
  const ByteRange range = sub_range(data, entry.begin, bytes);
  if (dtype == at::kBool && !holds_only_bools(range)) {
    damaged(data, "tensor ", in_quotes(entry.name), " of dtype BOOL holds a byte above 1");
  }
  return tensor_of(range, entry.shape, dtype);
}

}  // namespace

const char* safetensors_dtype_name(at::ScalarType dtype) {
  for (const auto& known : kDtypes) {
    if (dtype == known.dtype) return known.name;
  }
  return nullptr;
}

WeightStore parse_safetensors(const ByteRange& file) {
  if (file.size < 8) damaged(file, "it has ", file.size, " bytes, fewer than its 8-byte length");
  const auto length = load_little<uint64_t>(file.data);
  if (length > kMaxSafetensorsHeader) {
    damaged(file, "its first 8 bytes give a header of ", length, " bytes; at most ",
            kMaxSafetensorsHeader, " are allowed");
  }
  if (length > file.size - 8) {
    damaged(file, "its header of ", length, " bytes goes beyond its end at byte ", file.size);
  }
  if (length == 0 || file.data[8] != '{') damaged(file, "its header does not begin with '{'");
  const auto header = parse_safetensors_header(file.text().substr(8, length), file.source);
  const ByteRange data = sub_range(file, 8 + length, file.size - 8 - length);
  WeightStore store{file.source, {}, header.metadata};
  for (const auto* entry : check_layout(header, data.size, file)) {
    store.tensors.emplace(entry->name, read_tensor(*entry, data));
  }
  return store;
}

}  // namespace qprompt
