// How deep a JSON text is nested, found before anything is built from it.
#pragma once

#include <string_view>

namespace qprompt {

/// The most levels of lists and objects that a file from outside may have: its readers, and the
/// library beneath them, copy, compare and print values by recursion.
constexpr int kMaxJsonDepth = 100;

/// True when lists and objects are nested deeper than `levels`; brackets inside texts do not count.
/// The text need not be valid JSON.
bool json_is_deeper_than(std::string_view json, int levels);

}  // namespace qprompt
