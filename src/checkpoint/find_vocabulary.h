// Where the vocabulary of a model lies.
#pragma once

#include <string>

namespace qprompt {

/// Finds the vocabulary of the model at `clip_path` (a file or folder): `explicit_path` when not
/// empty; else beside the model, then `QPROMPT_VOCAB`; empty where there is none, which stands for
/// CLIP's own vocabulary. Throws kPath when one that was named is not there.
std::string find_vocabulary(const std::string& clip_path, const std::string& explicit_path);

}  // namespace qprompt
