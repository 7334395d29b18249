// Tar files and the shards of WebDataset made of them. Members are listed, never unpacked.
#include <algorithm>
#include <array>
#include <fstream>
#include <map>
#include <nlohmann/json.hpp>

#include "base/json_depth.h"
#include "base/text.h"
#include "dataset/impl/readers.h"
#include "dataset/impl/tables.h"
#include "qprompt/image.h"

namespace qprompt::dataset {
namespace {

using nlohmann::json;

constexpr int64_t kBlock = 512;
constexpr int64_t kMaxMembers = 10'000'000;
constexpr int64_t kMaxText = 1 << 20;

/// One header block of a tar file that is read from front to back.
class TarReader {
 public:
  explicit TarReader(const std::string& path) : path_(path) {
    const auto state = image_file_state(path);
    if (!state) fail(ErrorKind::kPath, "there is no file '", path, "'");
    size_ = state->bytes;
    in_.open(path, std::ios::binary);
  }

  template <class... What>
  [[noreturn]] void refuse(const What&... what) const {
    fail(ErrorKind::kContent, "the tar file '", path_, "', byte ", at_, ": ", what...,
         "; fetch the file again");
  }

  /// Reads the next header; false at the end, which is a block of zeros or the file's.
  bool next() {
    if (at_ + kBlock > size_) return false;
    in_.seekg(at_);
    in_.read(block_.data(), kBlock);
    if (!in_) refuse("it cannot be read");
    if (std::all_of(block_.begin(), block_.end(), [](char c) { return c == 0; })) return false;
    check_sum();
    member_size_ = number(124, 12);
    begin_ = at_ + kBlock;
    if (member_size_ < 0 || member_size_ > size_ - begin_) {
      refuse("an entry of ", member_size_, " bytes reaches beyond the file's end");
    }
    at_ = begin_ + (member_size_ + kBlock - 1) / kBlock * kBlock;
    return true;
  }

  char type() const { return block_[156]; }
  int64_t offset() const { return begin_; }
  int64_t size() const { return member_size_; }
  std::string name() const {
    const std::string own = text(0, 100), prefix = is_ustar() ? text(345, 155) : "";
    return prefix.empty() ? own : prefix + "/" + own;
  }
  /// The entry's content, as text.
  std::string content() {
    if (member_size_ > kMaxText) refuse("a text of ", member_size_, " bytes");
    std::string bytes(static_cast<size_t>(member_size_), '\0');
    in_.seekg(begin_);
    in_.read(bytes.data(), member_size_);
    if (!in_) refuse("it cannot be read");
    return bytes;
  }

 private:
  std::string text(size_t from, size_t length) const {
    const std::string_view field(block_.data() + from, length);
    return std::string(field.substr(0, std::min(field.find('\0'), length)));
  }
  bool is_ustar() const {
    return std::string_view(block_.data() + 257, 5) == "ustar" && block_[262] == '\0';
  }
  /// Octal digits, or GNU's binary form of large numbers.
  int64_t number(size_t from, size_t length) const {
    int64_t value = 0;
    if ((static_cast<uint8_t>(block_[from]) & 0x80) != 0) {
      for (size_t i = from + length - 7; i < from + length; ++i) {
        value = value << 8 | static_cast<uint8_t>(block_[i]);
      }
      return value;
    }
    for (const char c : text(from, length)) {
      if (c >= '0' && c <= '7') value = value * 8 + (c - '0');
    }
    return value;
  }
  void check_sum() const {
    int64_t sum = 8 * ' ';
    for (size_t i = 0; i < block_.size(); ++i) {
      if (i < 148 || i >= 156) sum += static_cast<uint8_t>(block_[i]);
    }
    if (sum != number(148, 8)) refuse("the sum of an entry's header is wrong");
  }

  const std::string& path_;
  std::ifstream in_;
  std::array<char, kBlock> block_{};
  int64_t size_ = 0, at_ = 0, begin_ = 0, member_size_ = 0;
};

/// The path of a pax header ("30 path=…\n"), empty where it has none.
std::string pax_path(const std::string& text) {
  const size_t mark = text.find(" path=");
  if (mark == std::string::npos) return "";
  const size_t from = mark + 6;
  return text.substr(from, std::min(text.find('\n', from), text.size()) - from);
}

/// A member's name without its endings, and those.
std::pair<std::string, std::string> split_key(const std::string& name) {
  const size_t slash = name.rfind('/');
  const size_t dot = name.find('.', slash == std::string::npos ? 0 : slash + 1);
  if (dot == std::string::npos) return {name, ""};
  return {name.substr(0, dot), name.substr(dot + 1)};
}

std::string trimmed(const std::string& text) {
  const size_t first = text.find_first_not_of(" \t\r\n"), last = text.find_last_not_of(" \t\r\n");
  return first == std::string::npos ? "" : text.substr(first, last + 1 - first);
}

/// The label that a sample's side file gives; empty where it gives none.
std::string label_of(const std::string& path, const TarMember& member, const std::string& ending) {
  const std::string place = cat(path, "/@", member.offset, "+", member.size, "/", member.name);
  const std::string bytes = read_image_file(place, kMaxText);
  if (ending != "json") return trimmed(bytes);
  const bool deep = json_is_deeper_than(bytes, kMaxJsonDepth);
  const json object = deep ? json() : json::parse(bytes, nullptr, false);
  for (const char* name : {"label", "class", "class_name", "cls", "category"}) {
    if (!object.is_object() || !object.contains(name)) continue;
    if (object[name].is_string()) return object[name].get<std::string>();
    if (object[name].is_number_integer()) return cat(object[name].get<int64_t>());
  }
  return "";
}

}  // namespace

std::vector<TarMember> list_tar(const std::string& path) {
  TarReader reader(path);
  std::vector<TarMember> members;
  std::string long_name;
  while (reader.next()) {
    const char type = reader.type();
    if (type == 'L') {
      long_name = reader.content();
      long_name.resize(std::min(long_name.find('\0'), long_name.size()));
    } else if (type == 'x') {
      long_name = pax_path(reader.content());
    } else {
      const std::string name = long_name.empty() ? reader.name() : long_name;
      long_name.clear();
      if (type == '0' || type == '\0' || type == '7') {
        if (static_cast<int64_t>(members.size()) == kMaxMembers) {
          reader.refuse("more than ", kMaxMembers, " entries");
        }
        members.push_back({name, reader.offset(), reader.size()});
      }
    }
  }
  return members;
}

std::vector<TableRow> read_shard(const std::string& path, const std::string& prefix) {
  struct Sample {
    const TarMember* image = nullptr;
    const TarMember* side = nullptr;
    std::string ending;
  };
  const std::vector<TarMember> members = list_tar(path);
  std::vector<std::string> order;
  std::map<std::string, Sample> samples;
  for (const TarMember& member : members) {
    const auto [key, ending] = split_key(member.name);
    const auto [sample, is_new] = samples.try_emplace(key);
    if (is_new) order.push_back(key);
    if (has_image_extension("." + ending)) sample->second.image = &member;
    const bool better = ending == "cls" || (ending == "txt" && sample->second.ending != "cls") ||
                        (ending == "json" && sample->second.ending.empty());
    if (better) sample->second.side = &member, sample->second.ending = ending;
  }
  std::vector<TableRow> rows;
  for (const std::string& key : order) {
    const Sample& sample = samples.at(key);
    if (sample.image == nullptr) continue;
    const std::string label =
        sample.side == nullptr ? "" : label_of(path, *sample.side, sample.ending);
    if (label.empty() || !is_valid_utf8(label)) {
      fail(ErrorKind::kContent, "the shard '", path, "': '", printable(sample.image->name),
           "' has no label; a .cls, .txt or .json of the same name with one was expected");
    }
    rows.push_back(
        {cat(prefix, "/@", sample.image->offset, "+", sample.image->size, "/", sample.image->name),
         label, ""});
  }
  return rows;
}

}  // namespace qprompt::dataset
