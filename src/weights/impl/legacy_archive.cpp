// The stream: magic number, protocol number, a note of the machine, the object, the list of storage
// keys (each of these a pickle), then of each key the number of values (int64) and the values.
// The object names storages that lie behind it, so it is parsed twice: first to learn which there
// are, their types, and where the pickle ends.
#include "weights/impl/legacy_archive.h"

#include <map>
#include <set>

#include "base/aten.h"
#include "qprompt/base.h"
#include "weights/impl/pickle.h"

namespace qprompt {
namespace {

using Kind = PickleValue::Kind;

/// 0x1950a86a20f9469cfc6c, little-endian.
constexpr std::string_view kMagic = "\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19";
constexpr int64_t kProtocol = 1001;
/// Each of the three pickles before the object.
constexpr PickleLimits kHeadLimits{4096, 256, 256, 256, 1024};

struct Storage {
  at::ScalarType dtype;
  int64_t numel = 0;  ///< as the object's pickle says
  at::Tensor values;  ///< (numel)
};

class LegacyReader {
 public:
  explicit LegacyReader(const ByteRange& file) : file_(file) {}

  PickleTree run() {
    check_head();
    const size_t object = at_;
    const LoadStorage note = [this](const StorageRequest& request) { return placeholder(request); };
    next("object", {}, note);  // only for `storages_` and `at_`
    read_storages();
    at_ = object;
    return next("object", {},
                [this](const StorageRequest& request) { return storages_.at(request.key).values; });
  }

 private:
  template <class... Args>
  [[noreturn]] void damaged(const Args&... what) const {
    fail(ErrorKind::kContent, "'", file_.source, "' (a torch file from before 1.6): at byte ", at_,
         ": ", what..., "; the file is damaged, get or save it again");
  }

  /// The pickle that begins here; moves to its end.
  PickleTree next(std::string_view what, const PickleLimits& limits,
                  const LoadStorage& load = nullptr) {
    const std::string_view rest = file_.text().substr(at_, limits.max_bytes);
    PickleTree tree = parse_pickle(
        rest, cat(file_.source, " (its ", what, ", from byte ", at_, " on)"), load, limits);
    at_ += tree.end;
    return tree;
  }

  void check_head() {
    next("magic number", kHeadLimits);
    const PickleTree protocol = next("protocol number", kHeadLimits);
    if (!protocol.root->is(Kind::kInt) || protocol.root->integer != kProtocol) {
      damaged("the protocol is not ", kProtocol);
    }
    const PickleTree machine = next("note of the machine", kHeadLimits);
    const PickleValue* little = machine.root->find("little_endian");
    if (little == nullptr || !little->is(Kind::kBool)) {
      damaged("the note of the machine does not say its byte order");
    }
    if (little->integer == 0) {
      fail(ErrorKind::kContent, "'", file_.source,
           "' was saved on a big-endian machine; save it again on a little-endian one");
    }
  }

  /// Notes the request, and answers with the file's first bytes: of the right size and never read.
  at::Tensor placeholder(const StorageRequest& request) {
    const uint64_t item = c10::elementSize(request.dtype);
    if (static_cast<uint64_t>(request.numel) > file_.size / item) {
      damaged("storage ", in_quotes(request.key), " is said to have ", request.numel, " values of ",
              item, " bytes, more than the whole file");
    }
    const auto [known, fresh] = storages_.insert({request.key, {request.dtype, request.numel, {}}});
    Storage& storage = known->second;
    if (storage.dtype != request.dtype || storage.numel != request.numel) {
      damaged("storage ", in_quotes(request.key), " is said to have two types or sizes");
    }
    if (fresh) {
      const auto bytes = static_cast<size_t>(request.numel) * item;
      storage.values = tensor_of(sub_range(file_, 0, bytes), {request.numel}, request.dtype);
    }
    return storage.values;
  }

  void read_storages() {
    PickleLimits limits;
    limits.max_values = storages_.size() + 8;  // a list of that many keys
    const PickleTree keys = next("storage keys", limits);
    if (!keys.root->is(Kind::kList) || keys.root->items.size() != storages_.size()) {
      damaged("a list of ", storages_.size(), " storage keys was expected before it");
    }
    std::set<std::string_view> seen;
    for (const PickleValue* key : keys.root->items) {
      const auto found = key->is(Kind::kString) ? storages_.find(key->text) : storages_.end();
      if (found == storages_.end() || !seen.insert(found->first).second) {
        damaged("the list of storage keys names one twice, or one that the object does not have");
      }
    }
    for (const PickleValue* key : keys.root->items) read_storage(key->text);
    if (at_ != file_.size) damaged(file_.size - at_, " bytes follow the last storage");
  }

  void read_storage(const std::string& key) {
    Storage& storage = storages_.at(key);
    constexpr size_t kCountBytes = sizeof(int64_t);
    if (file_.size - at_ < kCountBytes) damaged("storage ", in_quotes(key), " is missing");
    const auto count = load_little<int64_t>(file_.data + at_);
    if (count != storage.numel) {
      damaged("storage ", in_quotes(key), " has ", count, " values, and the object says ",
              storage.numel);
    }
    at_ += kCountBytes;
    const size_t item = c10::elementSize(storage.dtype), left = file_.size - at_;
    if (static_cast<size_t>(count) > left / item) {
      damaged("storage ", in_quotes(key), " of ", count, " values of ", item, " bytes has only ",
              left, " bytes");
    }
    const ByteRange bytes = sub_range(file_, at_, static_cast<size_t>(count) * item);
    if (storage.dtype == at::kBool && !holds_only_bools(bytes)) {
      damaged("storage ", in_quotes(key), " of booleans holds a byte above 1");
    }
    storage.values = tensor_of(bytes, {count}, storage.dtype);
    at_ += bytes.size;
  }

  const ByteRange& file_;
  size_t at_ = 0;
  std::map<std::string, Storage> storages_;
};

}  // namespace

bool looks_like_legacy_archive(const ByteRange& file) {
  // PROTO and its number, LONG1 of ten bytes; from protocol 4 on a frame stands between.
  const std::string_view head = file.text().substr(0, 32);
  if (head.size() < 2 || static_cast<uint8_t>(head[0]) != 0x80) return false;
  const size_t at = head.find(kMagic);
  return at == 4 || at == 13;
}

PickleTree parse_legacy_archive(const ByteRange& file) { return LegacyReader(file).run(); }

}  // namespace qprompt
