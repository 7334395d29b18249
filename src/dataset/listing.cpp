#include "dataset/listing.h"

#include <algorithm>

#include "dataset/readers.h"
#include "qprompt/image.h"

namespace qprompt::dataset {

namespace fs = std::filesystem;

Listing list_folder(const fs::path& folder) {
  Listing listing;
  std::error_code error;
  for (fs::directory_iterator it(folder, error), end; !error && it != end; it.increment(error)) {
    const std::string name = it->path().filename().string();
    if (name[0] == '.') {
      ++listing.hidden;
      continue;
    }
    std::error_code broken_link;  // a link that leads nowhere, or in a circle, counts as a file
    const bool is_folder = it->is_directory(broken_link) && !broken_link;
    (is_folder ? listing.folders : listing.files).push_back(name);
  }
  if (error) {
    fail(ErrorKind::kPath, "cannot read the folder '", folder.string(), "': ", error.message());
  }
  std::sort(listing.folders.begin(), listing.folders.end());
  std::sort(listing.files.begin(), listing.files.end());
  return listing;
}

/// The images of one class folder, sorted.
std::vector<std::string> list_images(const fs::path& folder, Ignored& ignored) {
  Listing listing = list_folder(folder);
  std::vector<std::string> images;
  for (std::string& name : listing.files) {
    if (has_image_extension(name)) {
      images.push_back(std::move(name));
    } else {
      ++ignored.other_files;
    }
  }
  for (const auto& name : listing.folders) ignored.nested.push_back((folder / name).string());
  ignored.hidden += listing.hidden;
  return images;
}

void report_ignored(const Ignored& ignored, const std::string& root, Log& log) {
  if (ignored.hidden + ignored.other_files > 0) {
    log.note(cat("'", root, "': ", ignored.hidden, " hidden and ", ignored.other_files,
                 " other entries are no images (.jpg, .jpeg, .png, .webp) and are left out"));
  }
  if (!ignored.nested.empty()) {
    log.warn(cat("images are read from the class folders only, not from folders below them: ",
                 first_few(ignored.nested)));
  }
}

[[noreturn]] void fail_empty(const fs::path& folder) {
  fail(ErrorKind::kContent, "the class folder '", folder.string(),
       "' has no image (.jpg, .jpeg, .png, .webp); add some or remove the folder");
}

}  // namespace qprompt::dataset
