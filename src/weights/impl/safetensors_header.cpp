// The header is read as a stream of JSON events, never as a tree: an accepted document has three
// levels at most, so depth is bounded, duplicates show, and memory stays near the header's size.
#include <nlohmann/json.hpp>
#include <set>

#include "qprompt/base.h"
#include "weights/impl/safetensors.h"

namespace qprompt {
namespace {

using nlohmann::json;

constexpr size_t kMaxDimensions = 64;  // ATen's own limit

class HeaderEvents : public nlohmann::json_sax<json> {
 public:
  explicit HeaderEvents(const std::string& source) : source_(source) {}

  SafetensorsHeader header;

  bool null() override {
    // Some writers give null for "no metadata".
    if (place_ != Place::kTop || key_ != "__metadata__") refuse("null");
    return true;
  }
  bool boolean(bool) override { refuse("true or false"); }
  bool number_integer(number_integer_t value) override { refuse("the negative number ", value); }
  bool number_float(number_float_t, const string_t& text) override { refuse("the number ", text); }
  bool binary(binary_t&) override { refuse("binary data"); }

  bool number_unsigned(number_unsigned_t value) override {
    SafetensorsEntry& entry = current();
    if (place_ == Place::kShape) {
      if (value > static_cast<uint64_t>(INT64_MAX)) refuse("the size ", value);
      if (entry.shape.size() == kMaxDimensions) refuse("more than ", kMaxDimensions, " sizes");
      entry.shape.push_back(static_cast<int64_t>(value));
    } else if (place_ == Place::kOffsets) {
      if (offsets_ == 2) refuse("a third offset");
      (offsets_++ == 0 ? entry.begin : entry.end) = value;
    } else {
      refuse("the number ", value);
    }
    return true;
  }

  bool string(string_t& value) override {
    if (place_ == Place::kMetadata) {
      header.metadata.at(key_) = value;
    } else if (place_ == Place::kTensor && key_ == "dtype") {
      current().dtype = value;
    } else {
      refuse("the text ", in_quotes(value));
    }
    return true;
  }

  bool start_object(std::size_t) override {
    if (place_ == Place::kStart) {
      place_ = Place::kTop;
    } else if (place_ == Place::kTop && key_ == "__metadata__") {
      place_ = Place::kMetadata;
    } else if (place_ == Place::kTop) {
      place_ = Place::kTensor;
      header.entries.emplace_back().name = key_;
      fields_.clear();
      offsets_ = 0;
    } else {
      refuse("an object");
    }
    return true;
  }

  bool key(string_t& name) override {
    const bool is_new = place_ == Place::kTop        ? names_.insert(name).second
                        : place_ == Place::kMetadata ? header.metadata.emplace(name, "").second
                                                     : fields_.insert(name).second;
    if (!is_new) fault("the key ", in_quotes(name), " comes twice");
    if (place_ == Place::kTensor && name != "dtype" && name != "shape" && name != "data_offsets") {
      fault("the unknown field ", in_quotes(name), " (known: dtype, shape, data_offsets)");
    }
    key_ = name;
    return true;
  }

  bool end_object() override {
    if (place_ == Place::kTensor) {
      if (fields_.size() != 3) fault("dtype, shape or data_offsets is missing");
      if (offsets_ != 2) fault("data_offsets needs two numbers");
    }
    place_ = place_ == Place::kTop ? Place::kStart : Place::kTop;
    return true;
  }

  bool start_array(std::size_t) override {
    if (place_ == Place::kTensor && key_ == "shape") {
      place_ = Place::kShape;
    } else if (place_ == Place::kTensor && key_ == "data_offsets") {
      place_ = Place::kOffsets;
    } else {
      refuse("a list");
    }
    return true;
  }

  bool end_array() override {
    place_ = Place::kTensor;
    return true;
  }

  bool parse_error(std::size_t position, const std::string&, const json::exception&) override {
    fault("its JSON is wrong near byte ", position + 8);
  }

 private:
  enum class Place { kStart, kTop, kMetadata, kTensor, kShape, kOffsets };

  SafetensorsEntry& current() {
    if (header.entries.empty()) refuse("a number");
    return header.entries.back();
  }

  template <class... Args>
  [[noreturn]] void refuse(const Args&... what) const {
    fault("it holds ", cat(what...), " where the format has no place for it");
  }

  template <class... Args>
  [[noreturn]] void fault(const Args&... what) const {
    const bool inside = place_ != Place::kStart && place_ != Place::kTop;
    const std::string where = place_ == Place::kMetadata ? "__metadata__"
                              : inside       ? "tensor " + in_quotes(header.entries.back().name)
                              : key_.empty() ? "top level"
                                             : "key " + in_quotes(key_);
    fail(ErrorKind::kContent, "'", source_, "': the safetensors header is wrong (", where,
         "): ", what..., "; the file is damaged, get or write it again");
  }

  const std::string& source_;
  Place place_ = Place::kStart;
  std::string key_;
  int offsets_ = 0;
  std::set<std::string> names_, fields_;
};

}  // namespace

SafetensorsHeader parse_safetensors_header(std::string_view text, const std::string& source) {
  HeaderEvents events(source);
  json::sax_parse(text.begin(), text.end(), &events);  // every fault throws
  return std::move(events.header);
}

}  // namespace qprompt
