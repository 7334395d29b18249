// The ways in which a split is read from a data folder.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "dataset/catalogue.h"
#include "qprompt/dataset.h"

namespace qprompt::dataset {

/// The most images that a data set may list.
constexpr int64_t kMaxItems = 10'000'000;

/// CoOp's `split_zhou_*.json`: class names and lists. `file` stands in messages.
Split parse_split_json(const std::string& file, std::string_view bytes);

/// A data set in CoOp's layout; `root` is $DATA or the set's own folder.
Split read_coop(const std::string& root, const KnownDataset& set);

/// A folder with a sub-folder a class, or with train/, val/ and test/ above those.
Split read_folder(const std::string& root, uint64_t seed, Log& log);

/// "a, b, c and 9 more": the first few of many names.
std::string first_few(const std::vector<std::string>& names);

/// The plural ending of a count: "" for 1, else "s".
const char* plural(int64_t count);

}  // namespace qprompt::dataset
