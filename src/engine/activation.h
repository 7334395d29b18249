// The activation of a transformer's MLP.
#pragma once

namespace qprompt {

enum class Activation { kQuickGelu, kGelu };  ///< x·σ(1.702x), or the exact Gaussian error form

}  // namespace qprompt
