// What a prompt must be to be written, and what a file must hold to be believed: one set of checks,
// so that the two cannot drift apart.
#include <algorithm>
#include <cmath>
#include <set>

#include "artifact/impl/format.h"
#include "artifact/impl/methods.h"

namespace qprompt::artifact {
namespace {

void check_range(int64_t value, int64_t low, int64_t high, std::string_view what) {
  if (value < low || value > high) {
    fail(ErrorKind::kContent, what, " is ", value, "; ", low, " to ", high, " expected");
  }
}

void check_bits(int64_t bits, std::string_view what) {
  if (!(bits >= 1 && bits <= 8) && bits != 16 && bits != 32) {
    fail(ErrorKind::kContent, what, " are ", bits, "; 1 to 8, 16 or 32 expected");
  }
}

void check_name(const std::string& name) {
  const bool known = std::all_of(name.begin(), name.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_' || c == '.';
  });
  if (name.empty() || name.size() > kMostName || !known) {
    // A name that is not plain text is not repeated: it may come from a hostile file.
    fail(ErrorKind::kContent, "a tensor's name must be 1 to ", kMostName,
         " of the characters a-z, 0-9, '_' and '.'", known ? cat("; this has ", name.size()) : "");
  }
}

/// Bytes of the UTF-8 character that starts the text, 0 when it is malformed. Overlong forms,
/// surrogates and what lies above U+10FFFF are malformed, so every text has one spelling.
size_t character_bytes(std::string_view text, uint32_t& code) {
  const auto byte = [&](size_t i) { return uint32_t{static_cast<uint8_t>(text[i])}; };
  const uint32_t lead = byte(0);
  const size_t size = lead < 0x80 ? 1 : lead >= 0xF0 ? 4 : lead >= 0xE0 ? 3 : 2;
  if (lead > 0xF4 || (lead >= 0x80 && lead < 0xC2) || size > text.size()) return 0;
  code = size == 1 ? lead : lead & (0x7Fu >> size);
  for (size_t i = 1; i < size; ++i) {
    if ((byte(i) & 0xC0) != 0x80) return 0;
    code = (code << 6) | (byte(i) & 0x3F);
  }
  constexpr uint32_t kLeast[] = {0, 0, 0x80, 0x800, 0x10000};
  const bool surrogate = code >= 0xD800 && code <= 0xDFFF;
  return code < kLeast[size] || surrogate || code > 0x10FFFF ? 0 : size;
}

void check_codebook(const StoredTensor& tensor) {
  const auto& book = tensor.quantized.codebook;
  for (size_t k = 0; k < book.size(); ++k) {
    const float centre = from_half(book[k]);
    if (!std::isfinite(centre)) {
      fail(ErrorKind::kContent, "tensor '", tensor.name, "': centre ", k, " is ", centre);
    }
    const bool first = k % (size_t{1} << tensor.bits) == 0;  // of its group
    if (!first && centre < from_half(book[k - 1])) {
      fail(ErrorKind::kContent, "tensor '", tensor.name, "': centre ", k,
           " lies below the one before it; ascending centres expected");
    }
  }
}

}  // namespace

void check_head(const TrainedPrompt& prompt) {
  check_range(int64_t(prompt.position), 0, 2, "the class token's position");
  check_range(int64_t(prompt.half), 0, 2, "the class subset");
  check_bits(prompt.bits, "the run's bits");
  check_range(prompt.depth, 0, 255, "the prompt depth");
  check_range(prompt.n_ctx, 0, 65535, "n_ctx");
  check_range(prompt.width, 1, 65535, "the width");
  check_range(prompt.shots, 0, 0xFFFFFFFF, "the number of shots");
  check_method(prompt);
}

void check_form(const StoredTensor& tensor) {
  check_name(tensor.name);
  check_bits(tensor.bits, cat("tensor '", tensor.name, "': its bits"));
  check_range(int64_t(tensor.shape.size()), 1, kMostAxes,
              cat("tensor '", tensor.name, "': the number of axes"));
  int64_t count = 1;
  for (const int64_t size : tensor.shape) {
    check_range(size, 1, kMostValues, cat("tensor '", tensor.name, "': the size of an axis"));
    count *= size;  // both factors are at most 2^28
    check_range(count, 1, kMostValues, cat("tensor '", tensor.name, "': the number of values"));
  }
  const int64_t rows = tensor.shape.front(), books = tensor.codebooks;
  if (books < 1 || books > rows || rows % books != 0 || (tensor.bits > 8 && books != 1)) {
    fail(ErrorKind::kContent, "tensor '", tensor.name, "' of ", rows, " rows in ", tensor.bits,
         " bits has ", books, " codebooks");
  }
}

void check_values(const StoredTensor& tensor) {
  const auto& quantized = tensor.quantized;
  const bool in_codes = tensor.bits <= 8;
  const auto count = static_cast<size_t>(tensor.count());
  const size_t centres = in_codes ? size_t{1} << tensor.bits : 0;
  const size_t all = centres * static_cast<size_t>(tensor.codebooks);
  if (quantized.codes.size() != (in_codes ? count : 0) || quantized.codebook.size() != all ||
      tensor.plain.size() != (in_codes ? 0 : count) ||
      (in_codes && quantized.bits != tensor.bits)) {
    fail(ErrorKind::kContent, "tensor '", tensor.name, "' of ", count, " values in ", tensor.bits,
         " bits has ", quantized.codes.size(), " codes, ", quantized.codebook.size(),
         " centres and ", tensor.plain.size(), " plain values");
  }
  for (size_t i = 0; i < quantized.codes.size(); ++i) {
    if (quantized.codes[i] >= centres) {
      fail(ErrorKind::kContent, "tensor '", tensor.name, "': code ", i, " is ",
           int{quantized.codes[i]}, ", and there are ", centres, " centres");
    }
  }
  check_codebook(tensor);
  for (size_t i = 0; i < tensor.plain.size(); ++i) {
    const float value = tensor.plain[i];
    if (!std::isfinite(value)) {
      fail(ErrorKind::kContent, "tensor '", tensor.name, "': value ", i, " is ", value);
    }
    if (tensor.bits == 16 && from_half(to_half(value)) != value) {
      fail(ErrorKind::kContent, "tensor '", tensor.name, "': value ", i, ", ", value,
           ", is not a 16-bit float; round it before it is stored");
    }
  }
}

void check_features(const StoredFeatures& features) {
  const auto count = static_cast<int64_t>(features.labels.size());
  check_range(count, 1, kMostValues, "the number of training features");
  check_range(features.width, 1, 65535, "the width of the training features");
  check_range(count * features.width, 1, kMostValues, "the values of the training features");
  if (int64_t(features.values.size()) != count * features.width) {
    fail(ErrorKind::kContent, count, " training features of ", features.width, " values have ",
         features.values.size());
  }
  for (const float value : features.values) {
    if (!std::isfinite(value) || from_half(to_half(value)) != value) {
      fail(ErrorKind::kContent, "a training feature holds ", value, ", which is no 16-bit float");
    }
  }
  for (const int64_t label : features.labels) {
    check_range(label, 0, int64_t{kMostClasses} - 1, "a training feature's label");
  }
}

void check_text(std::string_view text, std::string_view what) {
  if (text.empty() || text.size() > kMostText) {
    fail(ErrorKind::kContent, what, " has ", text.size(), " bytes; 1 to ", kMostText, " expected");
  }
  for (size_t at = 0; at < text.size();) {
    uint32_t code = 0;
    const size_t size = character_bytes(text.substr(at), code);
    if (size == 0) fail(ErrorKind::kContent, what, " is not UTF-8 at its byte ", at);
    // Control characters would reach a terminal when the file is inspected.
    if (code < 0x20 || (code >= 0x7F && code < 0xA0)) {
      fail(ErrorKind::kContent, what, " holds the control character ", code, " at its byte ", at);
    }
    at += size;
  }
}

void check_whole(const TrainedPrompt& prompt) {
  check_settings(prompt);
  if (prompt.unseen) {
    check_range(int64_t(*prompt.unseen), 0, int64_t(unseen_rules().size()) - 1,
                "the rule for unseen classes");
    if (*prompt.unseen == unseen_rule(prompt.options())) {
      fail(ErrorKind::kContent,
           "the rule for unseen classes is what the method has without saying");
    }
  }
  if (prompt.bound_to_classes() && prompt.class_names.empty()) {
    fail(ErrorKind::kContent,
         "a prompt that is bound to the classes of its training needs their names");
  }
  if (prompt.class_names.size() > kMostClasses) {
    fail(ErrorKind::kContent, prompt.class_names.size(), " class names; ", kMostClasses,
         " at most");
  }
  check_tensors(prompt);
}

}  // namespace qprompt::artifact
