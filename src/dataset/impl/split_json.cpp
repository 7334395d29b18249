#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>
#include <unordered_map>

#include "dataset/impl/readers.h"

namespace qprompt::dataset {
namespace {

using nlohmann::json;

constexpr int64_t kMaxSplitBytes = int64_t{256} << 20;

/// Takes the file's values as they are parsed, so that the memory needed is that of the lists, and
/// every complaint can name the entry.
class SplitReader : public nlohmann::json_sax<json> {
 public:
  SplitReader(const std::string& file, Split& split) : file_(file), split_(split) {}

  bool start_object(size_t) override {
    if (depth_ != 0) refuse(expected(), ", got an object");
    ++depth_;
    return true;
  }
  bool end_object() override {
    --depth_;
    return true;
  }
  bool key(std::string& name) override {
    const std::array<std::pair<const char*, std::vector<Item>*>, 3> lists = {
        {{"train", &split_.train}, {"val", &split_.val}, {"test", &split_.test}}};
    for (const auto& [known, items] : lists) {
      if (name != known) continue;
      if (std::find(keys_.begin(), keys_.end(), name) != keys_.end()) {
        refuse_at("", "the key '", name, "' is given twice");
      }
      keys_.push_back(name);
      items_ = items;
      return true;
    }
    refuse_at("", "the key '", name.substr(0, 80), "' is not one of train, val, test");
  }
  bool start_array(size_t) override {
    if (depth_ != 1 && depth_ != 2) refuse(expected(), ", got a list");
    ++depth_;
    field_ = 0;
    return true;
  }
  bool end_array() override {
    if (depth_ == 3) finish_entry();
    --depth_;
    return true;
  }
  bool string(std::string& value) override {
    if (depth_ != 3 || (field_ != 0 && field_ != 2)) refuse(expected(), ", got a text");
    (field_++ == 0 ? item_.path : class_name_) = std::move(value);
    return true;
  }
  bool number_integer(int64_t value) override {
    if (depth_ != 3 || field_ != 1) refuse(expected(), ", got a number");
    if (value < 0) refuse("the label must be 0 or more, got ", value);
    if (value >= kMaxItems) refuse("the label must be below ", kMaxItems, ", got ", value);
    item_.label = value;
    ++field_;
    return true;
  }
  bool number_unsigned(uint64_t value) override {
    return number_integer(static_cast<int64_t>(std::min<uint64_t>(value, kMaxItems)));
  }
  bool number_float(double, const std::string& text) override {
    refuse(expected(), ", got ", text);
  }
  bool null() override { refuse(expected(), ", got null"); }
  bool boolean(bool) override { refuse(expected(), ", got true or false"); }
  bool binary(json::binary_t&) override { return false; }
  bool parse_error(size_t position, const std::string&, const json::exception&) override {
    fail(ErrorKind::kContent, "the split file '", file_, "' is not valid JSON at byte ", position,
         "; copy it again");
  }

  /// Class names by label, once all is read.
  std::vector<std::string> class_names() {
    for (const char* needed : {"train", "test"}) {
      if (std::find(keys_.begin(), keys_.end(), needed) == keys_.end()) {
        refuse("the list '", needed, "' is missing");
      }
    }
    std::vector<std::string> names;
    for (int64_t label = 0; label < static_cast<int64_t>(classes_.size()); ++label) {
      const auto found = classes_.find(label);
      if (found == classes_.end()) {
        refuse("labels must be 0 to C − 1 without gaps; of ", classes_.size(),
               " classes none has label ", label);
      }
      names.push_back(std::move(found->second.name));
    }
    return names;
  }

 private:
  struct Class {
    std::string name, place;
  };

  /// "train", "train[12]" or "train[12][1]": where the value that comes next, or came last, is.
  std::string place() const {
    if (depth_ == 0 || items_ == nullptr) return "";
    std::string where = keys_.back();
    if (depth_ >= 2) where += cat("[", items_->size(), "]");
    if (depth_ >= 3 && field_ < 3) where += cat("[", field_, "]");
    return where;
  }
  std::string entry_place() const { return cat(keys_.back(), "[", items_->size(), "]"); }
  template <class... What>
  [[noreturn]] void refuse_at(const std::string& where, const What&... what) const {
    fail(ErrorKind::kContent, "the split file '", file_, "'", where.empty() ? "" : ", " + where,
         ": ", what...);
  }
  template <class... What>
  [[noreturn]] void refuse(const What&... what) const {
    refuse_at(place(), what...);
  }
  std::string expected() const {
    if (depth_ == 0) return "an object with the lists train, val and test was expected";
    if (depth_ == 1) return "a list of images was expected";
    if (depth_ == 2) return "[path, label, class name] was expected";
    if (field_ == 0) return "the path must be a text";
    if (field_ == 1) return "the label must be a whole number";
    if (field_ == 2) return "the class name must be a text";
    return "[path, label, class name] and no more was expected";
  }
  void check_path() const {
    const std::string fault = path_fault(item_.path);
    if (!fault.empty()) refuse(fault);
  }
  void finish_entry() {
    if (field_ != 3) {
      refuse_at(entry_place(), "[path, label, class name] was expected, got ", field_,
                " of the three");
    }
    item_.path = with_slashes(std::move(item_.path));
    check_path();
    if (class_name_.empty()) refuse("the class name is empty");
    const auto [known, is_new] = classes_.try_emplace(item_.label);
    if (is_new) known->second = {class_name_, entry_place()};
    if (known->second.name != class_name_) {
      refuse("label ", item_.label, " is named '", class_name_, "', but '", known->second.name,
             "' at ", known->second.place);
    }
    if (++count_ > kMaxItems) refuse("more than ", kMaxItems, " images are listed");
    items_->push_back(std::move(item_));
    item_ = Item{};
  }

  const std::string& file_;
  Split& split_;
  std::vector<std::string> keys_;
  std::vector<Item>* items_ = nullptr;
  Item item_;
  std::string class_name_;
  std::unordered_map<int64_t, Class> classes_;
  int depth_ = 0;  ///< 1: in the object, 2: in a list of images, 3: in one image's entry
  int field_ = 0;  ///< of the entry, next
  int64_t count_ = 0;
};

}  // namespace

Split parse_split_json(const std::string& file, std::string_view bytes) {
  Split split;
  SplitReader reader(file, split);
  json::sax_parse(bytes.begin(), bytes.end(), &reader);
  split.class_names = reader.class_names();
  return split;
}

Split read_split_json(const std::string& file) {
  return parse_split_json(file, read_file(file, kMaxSplitBytes));
}

}  // namespace qprompt::dataset
