// Small data sets for the tests, made in a temporary folder.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "qprompt/dataset.h"
#include "support/mat_writer.h"
#include "support/miniatures.h"

namespace qprompt::testing {

using nlohmann::json;
using testing_support::make_images;
using testing_support::Miniatures;
using testing_support::read_all;
using testing_support::TempFolder;
using testing_support::write_all;
namespace fs = std::filesystem;
namespace mat = testing_support::mat;

inline const std::string kShared = QPROMPT_SOURCE_DIR "/../shared/data";

inline std::vector<std::string> paths(const std::vector<Item>& items) {
  std::vector<std::string> out;
  for (const Item& item : items) out.push_back(item.path);
  return out;
}
inline std::vector<int64_t> labels(const std::vector<Item>& items) {
  std::vector<int64_t> out;
  for (const Item& item : items) out.push_back(item.label);
  return out;
}

/// Expects the call to throw this kind, with all of `parts` in its message.
template <class Call>
void expect_error(ErrorKind kind, const std::vector<std::string>& parts, Call call) {
  try {
    call();
    ADD_FAILURE() << "no error; expected one with '" << (parts.empty() ? "" : parts[0]) << "'";
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), kind) << error.what();
    for (const std::string& part : parts) {
      EXPECT_NE(std::string(error.what()).find(part), std::string::npos)
          << "'" << part << "' is not in: " << error.what();
    }
  }
}

/// All warnings as one text.
inline std::string warnings_of(const Log& log) {
  std::string out;
  for (const auto& warning : log.warnings()) out += warning + "\n";
  return out;
}

/// A split of CoOp's kind: `n_train`, `n_val` and `n_test` images of each of `classes`, by turns.
inline json small_split(const std::vector<std::string>& classes, int n_train, int n_val,
                        int n_test) {
  json split;
  const auto fill = [&](const char* key, int n) {
    split[key] = json::array();
    for (int i = 0; i < n; ++i) {
      for (size_t c = 0; c < classes.size(); ++c) {
        split[key].push_back(
            {std::string(key) + "/" + std::to_string(c) + "_" + std::to_string(i) + ".jpg", c,
             classes[c]});
      }
    }
  };
  fill("train", n_train);
  fill("val", n_val);
  fill("test", n_test);
  return split;
}

/// Empty files where the split expects images.
inline void touch_images(const json& split, const std::string& image_root) {
  for (const auto& list : split) {
    for (const auto& entry : list) write_all(image_root + "/" + entry[0].get<std::string>(), "");
  }
}

/// Names, kinds, sizes and times of all that is below a folder.
inline std::vector<std::string> snapshot(const std::string& folder) {
  std::vector<std::string> out;
  for (const auto& entry : fs::recursive_directory_iterator(folder)) {
    const auto time = fs::last_write_time(entry.path()).time_since_epoch().count();
    out.push_back(entry.path().string() + " " + std::to_string(time) + " " +
                  std::to_string(entry.is_directory() ? 0 : entry.file_size()));
  }
  std::sort(out.begin(), out.end());
  return out;
}

}  // namespace qprompt::testing
