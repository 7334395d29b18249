// The data sets of CoOp's benchmark: where their files are, and their hand-written templates.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace qprompt::dataset {

/// One data set. A set without `split_file` has another way of listing its images, which is not
/// read yet; to add a set that has one, add its line to the table.
struct KnownDataset {
  std::string_view config;      ///< "oxford_pets", the name of its configuration file
  std::string_view name;        ///< "OxfordPets", the name that CoOp registers
  std::string_view folder;      ///< below $DATA
  std::string_view images;      ///< below `folder`: what the split file's paths are relative to
  std::string_view split_file;  ///< in `folder`; empty when there is none
  std::string_view text;        ///< the template of zero-shot CLIP (CoOp, trainers/zsclip.py)
};

const std::vector<KnownDataset>& catalogue();

/// The set of this configuration, registry or folder name, in any case; null when unknown.
const KnownDataset* find_dataset(std::string_view name);

}  // namespace qprompt::dataset
