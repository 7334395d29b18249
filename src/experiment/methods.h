// Room `experiment`: methods by the word that a user gives.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "qprompt/train.h"

namespace qprompt {

/// "zero-shot", and each method by itself, quantized while training (q before it) or once after it
/// (-ptq behind it).
const std::vector<std::string>& method_kinds();
/// Whether the kind has a number of bits.
bool stores_codes(const std::string& kind);
/// Sets what the kind decides in `fit` and returns its label: "QCoOp 1 bit". Throws kUsage on an
/// unknown kind or one that trains nothing, and on bits outside 1 … 8 where they matter.
std::string set_method(const std::string& kind, int64_t bits, FitOptions& fit);

}  // namespace qprompt
