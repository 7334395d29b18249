// Images below a folder at any depth, for commands that take pictures and no classes.
#include <algorithm>
#include <filesystem>

#include "dataset/impl/listing.h"

namespace qprompt {
namespace {

namespace fs = std::filesystem;

/// Walks down, knowing the folders above by where they really are.
class ImageWalk {
 public:
  explicit ImageWalk(FoundImages& found) : found_(found) {}

  void into(const fs::path& folder) {
    constexpr size_t kDeepest = 256;
    std::error_code error;
    const fs::path real = fs::canonical(folder, error);
    const bool circle = std::find(above_.begin(), above_.end(), real) != above_.end();
    if (error || circle || above_.size() == kDeepest) {
      found_.left_out.circles.push_back(folder.string());
      return;
    }
    above_.push_back(real);
    list(folder);
    above_.pop_back();
  }

 private:
  void list(const fs::path& folder) {
    dataset::Listing listing;
    try {
      listing = dataset::list_folder(folder);
    } catch (const Error&) {
      if (above_.size() == 1) throw;
      found_.left_out.unreadable.push_back(folder.string());
      return;
    }
    found_.left_out.hidden += listing.hidden;
    found_.left_out.system += listing.system;
    for (const std::string& name : listing.files) {
      if (dataset::is_image_file(folder / name)) {
        found_.paths.push_back((folder / name).string());
      } else {
        ++found_.left_out.other;
      }
    }
    for (const std::string& name : listing.folders) into(folder / name);
  }

  FoundImages& found_;
  std::vector<fs::path> above_;
};

}  // namespace

FoundImages find_images(const std::string& folder, Log& log) {
  FoundImages found;
  ImageWalk(found).into(folder);
  std::sort(found.paths.begin(), found.paths.end());
  dataset::report_left_out(found.left_out, folder, log);
  return found;
}

}  // namespace qprompt
