#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <unordered_map>
#include <unordered_set>

#include "base/json_depth.h"
#include "dataset/impl/coop_pickle.h"
#include "dataset/impl/readers.h"

namespace qprompt {
namespace {

using dataset::with_slashes;
using nlohmann::json;

constexpr int64_t kMaxSampleBytes = int64_t{64} << 20;

/// Where an image of the data set may be used.
struct Known {
  int64_t label;
  bool is_test;
};
using KnownImages = std::unordered_map<std::string, Known>;

/// Reads the lists of one sample file against the images of one split.
class SampleReader {
 public:
  SampleReader(const Split& split, const std::string& file) : split_(split), file_(file) {
    for (const Item& item : split.test) known_[item.path] = {item.label, true};
    for (const auto* items : {&split.train, &split.val}) {
      for (const Item& item : *items) known_[item.path] = {item.label, false};
    }
  }

  json parse() {
    json root;
    if (begins_as_pickle()) {
      from_pickle_ = true;
      return dataset::read_coop_pickle(file_);
    }
    const std::string bytes = read_file(file_, kMaxSampleBytes);
    if (json_is_deeper_than(bytes, kMaxJsonDepth)) {
      refuse("its JSON is nested more than ", kMaxJsonDepth, " levels deep");
    }
    try {
      root = json::parse(bytes);
    } catch (const json::parse_error& error) {
      refuse("it is not valid JSON at byte ", error.byte);
    } catch (const json::exception&) {
      refuse("it is not valid JSON");
    }
    if (!root.is_object() || !root.contains("train")) {
      refuse("an object with the list 'train' (and optionally 'val') was expected");
    }
    return root;
  }

  std::vector<Item> read_list(const json& list, const std::string& key) {
    if (!list.is_array()) refuse(key, " must be a list, not ", list.type_name());
    std::vector<Item> items;
    for (size_t i = 0; i < list.size(); ++i) {
      items.push_back(read_entry(list[i], cat(key, "[", i, "]")));
    }
    return items;
  }

  template <class... What>
  [[noreturn]] void refuse(const What&... what) const {
    fail(ErrorKind::kContent, "the sample '", file_, "': ", what...);
  }

 private:
  bool begins_as_pickle() const {
    std::error_code ignored;  // opening a pipe would wait for a writer
    return std::filesystem::is_regular_file(file_, ignored) &&
           std::ifstream(file_, std::ios::binary).get() == 0x80;
  }

  /// A pickle's paths are absolute, and its machine's: the longest end that is an image's path.
  std::string path_below_root(const std::string& path) const {
    for (size_t from = 0; from_pickle_;) {
      if (known_.contains(path.substr(from))) return path.substr(from);
      const size_t slash = path.find('/', from);
      if (slash == std::string::npos) break;
      from = slash + 1;
    }
    return path;
  }

  Item read_entry(const json& entry, const std::string& where) {
    if (!entry.is_object() || !entry.contains("path") || !entry.contains("label")) {
      refuse(where, " must be an object with path, label and class");
    }
    if (!entry["path"].is_string()) refuse(where, ".path must be a text");
    if (!entry["label"].is_number_integer()) refuse(where, ".label must be a whole number");
    const std::string path = path_below_root(with_slashes(entry["path"].get<std::string>()));
    const auto found = known_.find(path);
    if (found == known_.end()) refuse(where, ": ", split_.name, " has no image '", path, "'");
    if (found->second.is_test) {
      refuse(where, ": '", path, "' is a test image of ", split_.name,
             "; a sample may hold its training and validation images");
    }
    const int64_t label = found->second.label;
    if (entry["label"] != label) {
      refuse(where, ": '", path, "' has label ", label, " in ", split_.name, ", not ",
             entry["label"].dump());
    }
    const std::string& name = split_.class_names.at(static_cast<size_t>(label));
    if (entry.contains("class") && entry["class"] != name) {
      refuse(where, ": '", path, "' is of class '", name, "' in ", split_.name, ", not ",
             entry["class"].dump(-1, ' ', false, json::error_handler_t::replace));
    }
    if (!used_.insert(path).second) refuse(where, ": '", path, "' is listed twice");
    return {path, label};
  }

  const Split& split_;
  const std::string& file_;
  KnownImages known_;
  std::unordered_set<std::string> used_;
  bool from_pickle_ = false;
};

}  // namespace

std::string find_coop_sample(const Split& split, int64_t shots, uint64_t seed) {
  if (split.folder.empty()) return "";
  const auto path = std::filesystem::path(split.folder) / "split_fewshot" /
                    cat("shot_", shots, "-seed_", seed, ".pkl");
  std::error_code ignored;
  return std::filesystem::is_regular_file(path, ignored) ? path.string() : "";
}

Split apply_sample(const Split& split, const std::string& sample_path) {
  SampleReader reader(split, sample_path);
  const json root = reader.parse();
  Split sampled = split;
  sampled.train = reader.read_list(root["train"], "train");
  // Halves are halves of the classes in the training list: one left out would shift all labels.
  std::vector<bool> present(split.class_names.size());
  for (const Item& item : sampled.train) present[static_cast<size_t>(item.label)] = true;
  for (size_t label = 0; label < present.size(); ++label) {
    if (!present[label]) {
      reader.refuse("train has no image of class '", split.class_names[label], "' (label ", label,
                    "); a sample holds all classes, also when one half of them is trained on");
    }
  }
  if (root.contains("val")) {
    sampled.val = reader.read_list(root["val"], "val");
    return sampled;
  }
  std::unordered_set<std::string> trained_on;
  for (const Item& item : sampled.train) trained_on.insert(item.path);
  std::erase_if(sampled.val, [&](const Item& item) { return trained_on.contains(item.path); });
  return sampled;
}

}  // namespace qprompt
