#include "features/impl/cache_folder.h"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <vector>

namespace qprompt {
namespace {

namespace fs = std::filesystem;

/// The first component of a path that cannot be made is what the last mkdir meets.
void make_private_folders(const fs::path& path) {
  fs::path made;
  for (const fs::path& part : path) {
    made /= part;
    ::mkdir(made.c_str(), S_IRWXU);  // what is there already stays as it is
  }
}

struct CacheFile {
  std::string path;
  int64_t bytes;
  fs::file_time_type written;
};

std::vector<CacheFile> cache_files(const std::string& root) {
  std::vector<CacheFile> files;
  std::error_code error;
  fs::recursive_directory_iterator it(root, error);
  for (; !error && it != fs::recursive_directory_iterator(); it.increment(error)) {
    std::error_code gone;
    if (!is_cache_file(it->path().string()) || !it->is_regular_file(gone)) continue;
    const auto bytes = static_cast<int64_t>(it->file_size(gone));
    const auto written = it->last_write_time(gone);
    if (!gone) files.push_back({it->path().string(), bytes, written});
  }
  return files;
}

}  // namespace

bool open_cache_folder(const std::string& root, Log& log) {
  make_private_folders(fs::absolute(root));
  struct stat found {};
  if (::stat(root.c_str(), &found) != 0 || !S_ISDIR(found.st_mode)) {
    log.warn(cat("feature cache: the folder '", root, "' cannot be made; nothing is kept"));
    return false;
  }
  if (found.st_uid == ::geteuid()) return true;
  log.warn(cat("feature cache: '", root,
               "' belongs to another user and is not used; name a folder ",
               "of your own with --cache"));
  return false;
}

bool is_cache_file(const std::string& path) {
  const fs::path name = fs::path(path).filename();
  const std::string stem = name.stem().string();
  return name.extension() == ".safetensors" && stem.size() == 32 &&
         stem.find_first_not_of("0123456789abcdef") == std::string::npos;
}

void trim_cache(const std::string& root, int64_t bytes) {
  std::vector<CacheFile> files = cache_files(root);
  int64_t total = 0;
  for (const CacheFile& file : files) total += file.bytes;
  if (total <= bytes) return;
  std::sort(files.begin(), files.end(),
            [](const CacheFile& a, const CacheFile& b) { return a.written < b.written; });
  for (const CacheFile& file : files) {
    if (total <= bytes) return;
    std::error_code ignored;
    if (fs::remove(file.path, ignored)) total -= file.bytes;
  }
}

}  // namespace qprompt
