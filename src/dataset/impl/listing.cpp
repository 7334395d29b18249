#include "dataset/impl/listing.h"

#include <algorithm>
#include <array>
#include <fstream>

#include "dataset/impl/readers.h"
#include "qprompt/image.h"

namespace qprompt {
namespace dataset {

namespace fs = std::filesystem;

namespace {

/// What file systems, archives and network drives leave beside a user's own files.
bool is_system_name(std::string_view name) {
  constexpr std::array<std::string_view, 14> kNames{"__MACOSX",     "@eaDir",
                                                    "#recycle",     "#snapshot",
                                                    "@Recycle",     "@Recently-Snapshot",
                                                    "$RECYCLE.BIN", "System Volume Information",
                                                    "lost+found",   "Thumbs.db",
                                                    "ehthumbs.db",  "desktop.ini",
                                                    "Desktop.ini",  "Icon\r"};
  return std::find(kNames.begin(), kNames.end(), name) != kNames.end();
}

/// Whether what follows a name's last dot is an ending as programs give it: a letter, then a few
/// letters and digits.
bool has_ordinary_ending(std::string_view name) {
  constexpr size_t kLongest = 8;  // "torrent", "download"
  const auto is_letter = [](char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); };
  const size_t dot = name.rfind('.');
  if (dot == std::string_view::npos || dot + 1 == name.size()) return false;
  const std::string_view ending = name.substr(dot + 1);
  return ending.size() <= kLongest && is_letter(ending[0]) &&
         std::all_of(ending.begin(), ending.end(),
                     [&](char c) { return is_letter(c) || (c >= '0' && c <= '9'); });
}

bool begins_with_image_bytes(const fs::path& path) {
  std::array<char, 32> head{};
  std::ifstream in(path, std::ios::binary);
  in.read(head.data(), head.size());
  return begins_as_image(
      {head.data(), static_cast<size_t>(std::max<std::streamsize>(0, in.gcount()))});
}

}  // namespace

Listing list_folder(const fs::path& folder) {
  Listing listing;
  std::error_code error;
  for (fs::directory_iterator it(folder, error), end; !error && it != end; it.increment(error)) {
    const std::string name = it->path().filename().string();
    if (is_system_name(name)) {
      ++listing.system;
    } else if (name[0] == '.') {
      ++listing.hidden;
    } else {
      std::error_code broken_link;  // a link that leads nowhere, or in a circle, counts as a file
      const bool is_folder = it->is_directory(broken_link) && !broken_link;
      (is_folder ? listing.folders : listing.files).push_back(name);
    }
  }
  if (error) {
    fail(ErrorKind::kPath, "cannot read the folder '", folder.string(), "': ", error.message());
  }
  std::sort(listing.folders.begin(), listing.folders.end());
  std::sort(listing.files.begin(), listing.files.end());
  return listing;
}

bool is_image_file(const fs::path& path) {
  std::error_code ignored;
  const fs::file_status status = fs::status(path, ignored);
  if (fs::is_other(status) || fs::is_fifo(status) || fs::is_socket(status) ||
      fs::is_character_file(status) || fs::is_block_file(status)) {
    return false;
  }
  const std::string name = path.filename().string();
  if (has_image_extension(name)) return true;
  return !has_ordinary_ending(name) && fs::is_regular_file(status) && begins_with_image_bytes(path);
}

std::vector<std::string> list_images(const fs::path& folder, LeftOut& left_out) {
  Listing listing = list_folder(folder);
  std::vector<std::string> images;
  for (std::string& name : listing.files) {
    if (is_image_file(folder / name)) {
      images.push_back(std::move(name));
    } else {
      ++left_out.other;
    }
  }
  for (const auto& name : listing.folders) left_out.nested.push_back((folder / name).string());
  left_out.hidden += listing.hidden;
  left_out.system += listing.system;
  return images;
}

void report_left_out(const LeftOut& left_out, const std::string& root, Log& log) {
  const std::string counts = left_out.counts();
  if (!counts.empty()) {
    log.note(cat("'", root, "': ", counts,
                 " are no images (.jpg, .jpeg, .png, .webp, .gif, .bmp, "
                 ".tif, .ppm, .heic, .avif and their kin) and are not read"));
  }
  if (!left_out.nested.empty()) {
    log.warn(cat("images are read from the class folders only, not from folders below them: ",
                 first_few(left_out.nested)));
  }
  if (!left_out.circles.empty()) {
    log.warn(cat("links that lead back to a folder above them are left out: ",
                 first_few(left_out.circles)));
  }
  if (!left_out.unreadable.empty()) {
    log.warn(cat("folders that cannot be read are left out: ", first_few(left_out.unreadable)));
  }
}

[[noreturn]] void fail_empty(const fs::path& folder) {
  fail(ErrorKind::kContent, "the class folder '", folder.string(),
       "' has no image (.jpg, .png, .webp, .gif, .bmp, .tif, …); add some or remove the folder");
}

}  // namespace dataset

std::string LeftOut::counts() const {
  if (hidden + system + other == 0) return "";
  return cat(hidden, " hidden", system > 0 ? cat(", ", system, " of the system's") : "", " and ",
             other, " other entries");
}

}  // namespace qprompt
