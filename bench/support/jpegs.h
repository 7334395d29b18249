// Made-up photographs.
#pragma once

#include <cstdint>
#include <string>

#include "qprompt/dataset.h"

namespace qprompt::bench {

// Writes `shots` JPEGs of 300 × 260 pixels a class under `folder` and returns them as a data set
// whose class names are numbers of one to four digits, a token each.
Split write_images(const std::string& folder, int64_t classes, int64_t shots);

}  // namespace qprompt::bench
