// Private to `method`: the rows that this project ships.
#pragma once

#include <vector>

#include "method/method.h"

namespace qprompt::method {

/// In the order in which they are listed.
std::vector<Method> own_rows();

/// The published recipes of a row.
std::vector<Preset> presets_of(const std::string& word);

}  // namespace qprompt::method
