// Room `method`: a method, and when its values are quantized, by one word: "coop", "qcoop",
// "coop-ptq".
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "method/method.h"

namespace qprompt {

/// What a user chose.
struct MethodChoice {
  const Method* method = nullptr;
  Quantization quantization = Quantization::kNone;

  /// Whether its files hold codes, so that it has a number of bits.
  bool stores_codes() const { return quantization != Quantization::kNone; }
  std::string word() const;               ///< "qcoop"
  std::string label(int64_t bits) const;  ///< "CoOp", "QCoOp 1 bit", "CoOp quantized, 2 bits"
};

/// Throws kUsage listing the words.
MethodChoice find_choice(std::string_view word);
/// Every word that `find_choice` knows: zero-shot, then each method plain, quantized while training
/// and quantized after it.
std::vector<std::string> choice_words();

}  // namespace qprompt
