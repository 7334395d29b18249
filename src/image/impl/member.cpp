#include "image/impl/member.h"

#include <charconv>
#include <filesystem>
#include <fstream>
#include <string_view>

#include "qprompt/image.h"

namespace qprompt {
namespace image {

std::optional<Member> member_of(const std::string& path) {
  constexpr std::string_view kMark = ".tar/@";
  const size_t mark = path.find(kMark);
  if (mark == std::string::npos) return std::nullopt;
  Member member;
  member.archive = path.substr(0, mark + 4);
  const char* end = path.data() + path.size();
  const auto offset = std::from_chars(path.data() + mark + kMark.size(), end, member.offset);
  if (offset.ec != std::errc{} || offset.ptr == end || *offset.ptr != '+') return std::nullopt;
  const auto size = std::from_chars(offset.ptr + 1, end, member.size);
  const bool whole = size.ec == std::errc{} && size.ptr != end && *size.ptr == '/' &&
                     member.offset >= 0 && member.size >= 0;
  return whole ? std::optional(member) : std::nullopt;
}

std::string read_member(const Member& member, const std::string& path) {
  std::error_code error;
  if (!std::filesystem::is_regular_file(member.archive, error)) {
    fail(ErrorKind::kPath, "there is no file '", member.archive, "', which '", path, "' is in");
  }
  std::ifstream in(member.archive, std::ios::binary);
  std::string bytes(static_cast<size_t>(member.size), '\0');
  in.seekg(member.offset);
  in.read(bytes.data(), member.size);
  if (!in) {
    fail(ErrorKind::kContent, "'", member.archive, "' ends before '", path,
         "', which its entries say is in it; fetch the file again");
  }
  return bytes;
}

}  // namespace image

std::optional<ImageFileState> image_file_state(const std::string& path) {
  namespace fs = std::filesystem;
  const std::optional<image::Member> member = image::member_of(path);
  const fs::path file = member ? member->archive : path;
  std::error_code error;
  if (!fs::is_regular_file(file, error)) return std::nullopt;
  ImageFileState state;
  const auto whole = static_cast<int64_t>(fs::file_size(file, error));
  state.bytes = member ? member->size : whole;
  if (member && member->offset + member->size > whole) return std::nullopt;
  state.changed = fs::last_write_time(file, error).time_since_epoch().count();
  if (error) return std::nullopt;
  return state;
}

bool is_inside_archive(const std::string& path) { return image::member_of(path).has_value(); }

std::string read_image_file(const std::string& path, int64_t max_bytes) {
  const std::optional<image::Member> member = image::member_of(path);
  if (!member) return read_file(path, max_bytes);
  if (member->size > max_bytes) {
    fail(ErrorKind::kContent, "'", path, "' is larger than ", max_bytes,
         " bytes, the most that a picture's file may have");
  }
  return image::read_member(*member, path);
}

}  // namespace qprompt
