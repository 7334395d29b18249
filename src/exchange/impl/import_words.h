// The words that an imported prompt started from, and whether a checkpoint bears them out.
// Private to the room.
#pragma once

#include <optional>
#include <string>

#include "exchange/import.h"

namespace qprompt {

struct ImportedWords {
  std::string text;  ///< empty: a random start, or not known
  std::string from;
};

/// The words of `given` (the option), else of the log, else of the checkpoint: a deep method's
/// `token_suffix` begins with the words that are frozen, and "a photo of a" is recognised there. A
/// finding says when the embeddings in the checkpoint are not this model's. Throws kUsage when the
/// words matter and nothing says them, and when their number contradicts the context.
ImportedWords find_words(const Clip& clip, const TrainerRun& run,
                         const std::optional<std::string>& given, Findings& findings);

}  // namespace qprompt
