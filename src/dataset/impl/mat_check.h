// The structure of a MATLAB 5 file, checked before a library reads it.
#pragma once

#include <string>

namespace qprompt::dataset {

/// Throws kPath, or kContent when the file is not of version 5 or its elements do not fit into each
/// other.
void check_mat_file(const std::string& file);

}  // namespace qprompt::dataset
