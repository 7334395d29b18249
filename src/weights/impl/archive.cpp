#include "weights/impl/archive.h"

#include <set>

#include "base/aten.h"
#include "qprompt/base.h"
#include "weights/impl/zip.h"

namespace qprompt {
namespace {

/// Finds `<stem>/data.pkl`; torch gives every entry the same first folder.
std::string find_stem(const ZipReader& zip) {
  const std::string wanted = "/data.pkl";
  std::string stem;
  for (const auto& [name, entry] : zip.entries()) {
    const size_t slash = name.find('/');
    if (slash == std::string::npos || slash == 0 || name.substr(slash) != wanted) continue;
    if (!stem.empty()) {
      fail(ErrorKind::kContent, "'", zip.file().source, "' holds two pickles, ",
           in_quotes(stem + wanted), " and ", in_quotes(name), "; torch writes one");
    }
    stem = name.substr(0, slash);
  }
  if (stem.empty()) {
    fail(ErrorKind::kContent, "'", zip.file().source,
         "' is a zip archive, but not one of torch: it has no entry <name>/data.pkl; give the file "
         "that torch.save or torch.jit.save wrote, not a zip of it");
  }
  return stem;
}

/// The storages of an archive, each read and checked once however many tensors share it.
class Storages {
 public:
  Storages(ZipReader& zip, std::string folder) : zip_(zip), folder_(std::move(folder)) {}

  at::Tensor load(const StorageRequest& request) {
    Loaded& storage = read(request.key);
    ByteRange& bytes = storage.bytes;
    const uint64_t item = c10::elementSize(request.dtype);
    if (static_cast<uint64_t>(request.numel) > bytes.size / item) {
      fail(ErrorKind::kContent, "'", bytes.source, "': storage ", in_quotes(request.key), " of ",
           request.numel, " values of ", item, " bytes has only ", bytes.size,
           " bytes; the file is damaged, get or save it again");
    }
    // Once a storage: a small pickle may name one thousands of times.
    if (request.dtype == at::kBool && !storage.bools && !holds_only_bools(bytes)) {
      fail(ErrorKind::kContent, "'", bytes.source, "': storage ", in_quotes(request.key),
           " of booleans holds a byte above 1; the file is damaged, get or save it again");
    }
    storage.bools = storage.bools || request.dtype == at::kBool;
    align(bytes, item);
    return tensor_of(bytes, {request.numel}, request.dtype);
  }

 private:
  struct Loaded {
    ByteRange bytes;
    bool bools = false;  ///< every byte is known to be 0 or 1
  };

  Loaded& read(const std::string& key) {
    const auto known = loaded_.find(key);
    if (known != loaded_.end()) return known->second;
    return loaded_.emplace(key, Loaded{zip_.read(folder_ + key)}).first->second;
  }

  /// Copies misaligned bytes here, so that tensors which share a storage go on sharing it.
  static void align(ByteRange& bytes, uint64_t item) {
    if (bytes.size == 0 || reinterpret_cast<uintptr_t>(bytes.data) % item == 0) return;
    const auto size = static_cast<int64_t>(bytes.size);
    auto copy = std::make_shared<at::Tensor>(at::empty({size}, at::kByte));  // aligned to 64
    std::memcpy(copy->data_ptr(), bytes.data, bytes.size);
    const auto* data = static_cast<const uint8_t*>(copy->data_ptr());
    bytes = {bytes.source, std::move(copy), data, bytes.size, false};
  }

  ZipReader& zip_;
  std::string folder_;
  std::map<std::string, Loaded> loaded_;
};

class Flattener {
 public:
  explicit Flattener(const std::string& source) { store_.source = source; }

  WeightStore run(const PickleValue& root) {
    if (!root.is(PickleValue::Kind::kDict) && !is_module(root)) {
      fail(ErrorKind::kContent, "'", store_.source, "' holds ", describe(root),
           ", where a dictionary of tensors or a TorchScript module was expected; save a "
           "state_dict()");
    }
    visit(root, "", 0);
    return std::move(store_);
  }

 private:
  // Shared and circular values cost a few bytes in the file but a name each when written out.
  static constexpr int kMaxDepth = 64;
  static constexpr size_t kMaxVisits = size_t{1} << 20, kMaxNameBytes = size_t{64} << 20;

  static bool is_module(const PickleValue& value) {
    return value.is(PickleValue::Kind::kObject) && value.cls->is(PickleValue::Kind::kGlobal) &&
           value.cls->text.compare(0, 10, "__torch__.") == 0;
  }

  static std::string describe(const PickleValue& value) {
    if (value.is(PickleValue::Kind::kTensor)) return "a single tensor without a name";
    if (!value.is(PickleValue::Kind::kObject)) return "a single plain value";
    return value.cls->is(PickleValue::Kind::kGlobal)
               ? "an object of the class " + in_quotes(value.cls->text)
               : "an object of an unnamed class";
  }

  void visit(const PickleValue& value, const std::string& name, int depth) {
    if (++visits_ > kMaxVisits || depth > kMaxDepth) {
      fail(ErrorKind::kContent, "'", store_.source, "': its values are nested more than ",
           kMaxDepth, " deep or more than ", kMaxVisits, " in all (at ", in_quotes(name),
           "); this is no checkpoint");
    }
    if (value.is(PickleValue::Kind::kTensor)) {
      add(name, value.tensor);
    } else if (value.is(PickleValue::Kind::kInt)) {
      add(name, at::scalar_tensor(value.integer, at::TensorOptions(at::kLong)));
    } else if (value.is(PickleValue::Kind::kDict) || value.is(PickleValue::Kind::kObject)) {
      visit_pairs(value, name, depth);
      if (is_module(value) && value.state != nullptr && value.state->is(PickleValue::Kind::kDict)) {
        visit_pairs(*value.state, name, depth);
      }
    }
  }

  void visit_pairs(const PickleValue& dict, const std::string& name, int depth) {
    for (const auto& [key, member] : dict.pairs) {
      std::string part = key->text;
      if (key->is(PickleValue::Kind::kInt)) {
        part = std::to_string(key->integer);
      } else if (!key->is(PickleValue::Kind::kString)) {
        continue;
      }
      name_bytes_ += name.size() + part.size() + 1;
      if (name_bytes_ > kMaxNameBytes) {
        fail(ErrorKind::kContent, "'", store_.source, "': the names of its tensors take more than ",
             kMaxNameBytes, " bytes; this is no checkpoint");
      }
      visit(*member, depth == 0 ? part : name + "." + part, depth + 1);
    }
  }

  void add(const std::string& name, const at::Tensor& tensor) {
    if (store_.tensors.emplace(name, tensor).second) return;
    fail(ErrorKind::kContent, "'", store_.source, "': two values are called ", in_quotes(name));
  }

  WeightStore store_;
  size_t visits_ = 0, name_bytes_ = 0;
};

/// A pickle that would run commands is no checkpoint but an attack on whoever loads it in Python.
/// Here nothing runs, and other unknown classes are only names; the user should know all the same.
void refuse_commands(const PickleTree& tree, const std::string& source) {
  static const std::set<std::string_view> kModules = {
      "os",    "posix", "nt",     "subprocess", "sys",     "shutil", "socket",  "pty",
      "runpy", "code",  "ctypes", "importlib",  "marshal", "pickle", "_pickle", "webbrowser"};
  static const std::set<std::string_view> kFunctions = {"exec", "eval",       "compile",
                                                        "open", "__import__", "execfile"};
  for (const PickleValue& value : tree.values) {
    if (!value.is(PickleValue::Kind::kGlobal)) continue;
    const std::string_view name = value.text, module = name.substr(0, name.rfind('.'));
    const bool builtin = module == "builtins" || module == "__builtin__";
    if (kModules.count(module.substr(0, module.find('.'))) == 0 &&
        !(builtin && kFunctions.count(name.substr(module.size() + 1)) != 0)) {
      continue;
    }
    fail(ErrorKind::kContent, "'", source, "' names ", in_quotes(name),
         ", which no checkpoint needs and which Python would call; nothing was run here, but do "
         "not load this file anywhere, and get it again from whom you trust");
  }
}

}  // namespace

PickleTree parse_archive(const ByteRange& file) {
  ZipReader zip(file);
  const std::string stem = find_stem(zip);
  if (zip.entries().count(stem + "/byteorder") != 0 &&
      zip.read(stem + "/byteorder").text() != "little") {
    fail(ErrorKind::kContent, "'", file.source,
         "' was saved on a big-endian machine; save it again on a little-endian one");
  }
  Storages storages(zip, stem + "/data/");
  const ByteRange pickle = zip.read(stem + "/data.pkl");
  return parse_pickle(pickle.text(), file.source + "/" + stem + "/data.pkl",
                      [&](const StorageRequest& request) { return storages.load(request); });
}

WeightStore flatten_pickle(const PickleTree& tree, const std::string& source) {
  refuse_commands(tree, source);
  return Flattener(source).run(*tree.root);
}

}  // namespace qprompt
