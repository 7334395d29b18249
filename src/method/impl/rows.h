// Private to `method`: the rows that this project ships.
#pragma once

#include <vector>

#include "method/method.h"

namespace qprompt::method {

/// In the order in which they are listed.
std::vector<Method> own_rows();

/// Gives the rows their published recipes.
void add_presets(std::vector<Method>& rows);

}  // namespace qprompt::method
