// What a folder holds, in an order that no disk changes: the one walker behind `data` and
// `classify`.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "qprompt/base.h"
#include "qprompt/dataset.h"

namespace qprompt::dataset {

/// Names of the entries of a folder, in byte-wise order, apart by kind. Hidden entries and those
/// that a system leaves in every folder (__MACOSX, @eaDir, Thumbs.db, …) are counted only.
struct Listing {
  std::vector<std::string> folders, files;
  int64_t hidden = 0, system = 0;
};
/// Throws kPath.
Listing list_folder(const std::filesystem::path& folder);

/// Whether a file counts as an image: by its name's ending, or, where the name has no ending that
/// says what it is ("IMG_0001", "photo.jpg_large", "scan.1"), by its first bytes. Pipes and devices
/// never do; a link that leads nowhere does by its name.
bool is_image_file(const std::filesystem::path& path);

/// The images of one class folder, sorted.
std::vector<std::string> list_images(const std::filesystem::path& folder, LeftOut& left_out);

/// Notes what was left out below `root`.
void report_left_out(const LeftOut& left_out, const std::string& root, Log& log);

[[noreturn]] void fail_empty(const std::filesystem::path& folder);

}  // namespace qprompt::dataset
