// Small pictures for the tests, encoded by the libraries that the rooms decode with.
#pragma once

#include <string>

namespace qprompt::testing_support {

/// A picture of its own for each path, 40 × 32: PNG where the path says so, else JPEG.
std::string picture_of(const std::string& path);

}  // namespace qprompt::testing_support
