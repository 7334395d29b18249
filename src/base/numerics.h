// The number of the numerics: part of the identity of whatever is kept and found again.
#pragma once

#include <cstdint>

namespace qprompt {

/// Raised whenever the same inputs give other bits: features, trainings and scores that were kept
/// under an earlier number are then made anew. A golden test (tests/golden) shows that a change
/// that should move no bit moves none.
inline constexpr int64_t kNumerics = 1;

}  // namespace qprompt
