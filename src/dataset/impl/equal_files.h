// Files of the same content under different names, which lists of a data set should not share.
#pragma once

#include <string>
#include <vector>

#include "qprompt/dataset.h"
#include "qprompt/weights.h"

namespace qprompt::dataset {

/// A listed file with the digest of its bytes.
struct HashedFile {
  std::string path;
  Digest::Bytes digest{};
};

/// What `data check` says of equal files: shared by two lists, of two classes, or twice in one
/// list.
std::vector<std::string> describe_equal_files(const Split& split,
                                              const std::vector<HashedFile>& files);

}  // namespace qprompt::dataset
