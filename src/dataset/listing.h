// What a folder holds, in an order that no disk changes.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "qprompt/base.h"

namespace qprompt::dataset {

/// Names of the entries of a folder, in byte-wise order, apart by kind; hidden ones only counted.
struct Listing {
  std::vector<std::string> folders, files;
  int64_t hidden = 0;
};
/// Throws kPath.
Listing list_folder(const std::filesystem::path& folder);

/// What is in a folder and is no image of a class.
struct Ignored {
  int64_t hidden = 0, other_files = 0;
  std::vector<std::string> nested;  ///< folders below class folders
};

/// The images of one class folder, sorted.
std::vector<std::string> list_images(const std::filesystem::path& folder, Ignored& ignored);

void report_ignored(const Ignored& ignored, const std::string& root, Log& log);

[[noreturn]] void fail_empty(const std::filesystem::path& folder);

}  // namespace qprompt::dataset
