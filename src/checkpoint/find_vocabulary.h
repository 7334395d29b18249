// Where the vocabulary of a model lies.
#pragma once

#include <string>

namespace qprompt {

/// Finds the vocabulary of the model at `clip_path` (a file or folder): `explicit_path` when not
/// empty; else beside the model, then `QPROMPT_VOCAB`, then where the Python packages `clip` and
/// `open_clip` and the Hugging Face cache keep it. Throws kPath listing the places that were looked
/// in and saying where a vocabulary can be had.
std::string find_vocabulary(const std::string& clip_path, const std::string& explicit_path);

}  // namespace qprompt
