#include <filesystem>

#include "dataset/readers.h"

namespace qprompt::dataset {
namespace {

namespace fs = std::filesystem;

constexpr int64_t kMaxSplitBytes = int64_t{256} << 20;

}  // namespace

Split read_coop(const std::string& root, const KnownDataset& set) {
  if (set.split_file.empty()) {
    fail(ErrorKind::kUsage, "the data set ", set.name,
         " is not yet supported in CoOp's layout: it ",
         "has no split file. Use a plain folder with a sub-folder a class (and train/, val/ and ",
         "test/ above these), without naming a data set");
  }
  const fs::path below = fs::path(root) / set.folder;
  fs::path folder;
  std::error_code ignored;
  for (const fs::path& candidate : {below, fs::path(root)}) {
    if (folder.empty() && fs::exists(candidate / set.split_file, ignored)) folder = candidate;
  }
  if (folder.empty()) {
    fail(ErrorKind::kPath, "the split file ", set.split_file, " of ", set.name,
         " was found neither in '", below.string(), "' nor in '", root,
         "'. CoOp's DATASETS.md says where to get it; only with it are few-shot draws and test "
         "images those of the papers");
  }
  const std::string file = (folder / set.split_file).string();
  Split split = parse_split_json(file, read_file(file, kMaxSplitBytes));
  split.name = set.name;
  split.image_root = (set.images.empty() ? folder : folder / set.images).string();
  return split;
}

}  // namespace qprompt::dataset
