// Force-included into the fuzz build. LibTorch 1.13's ATen/core/List.h names std::vector<IValue>
// while IValue is incomplete. GCC takes that; clang, seeing libstdc++ 12's vector marked constexpr
// in C++20, instantiates it at once and stops. So here vector is the runtime vector of C++17, and
// only it.
#pragma once

#ifdef __clang__
#include <algorithm>
#include <memory>
#include <string>
#pragma push_macro("_GLIBCXX20_CONSTEXPR")
#undef _GLIBCXX20_CONSTEXPR
#define _GLIBCXX20_CONSTEXPR
// Declared constexpr before; its definition for vector<bool> must differ.
#define __fill_a1 __fill_a1_of_bits
#include <vector>
#undef __fill_a1
#pragma pop_macro("_GLIBCXX20_CONSTEXPR")

// vector<bool> still calls the one that was declared, so this is what it finds under that name.
void fill_bits(std::_Bit_iterator, std::_Bit_iterator,
               const bool&) __asm__("_ZSt9__fill_a1St13_Bit_iteratorS_RKb");
__attribute__((weak, used)) void fill_bits(std::_Bit_iterator first, std::_Bit_iterator last,
                                           const bool& bit) {
  std::__fill_a1_of_bits(first, last, bit);
}
#endif
