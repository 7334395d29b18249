// MATLAB 5 files, as far as annotations need them, through the library matio.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace qprompt::dataset {

/// The values of the numeric array `variable`, all of them whole numbers of 1 to 10 million.
std::vector<int64_t> read_mat_numbers(const std::string& file, const std::string& variable);

/// The texts of the cell array `variable`.
std::vector<std::string> read_mat_texts(const std::string& file, const std::string& variable);

/// Fields `fname` and `class` of the struct array `variable`.
struct MatAnnotation {
  std::string file_name;
  int64_t label = 0;  ///< as written, from 1
};
std::vector<MatAnnotation> read_mat_annotations(const std::string& file,
                                                const std::string& variable);

}  // namespace qprompt::dataset
