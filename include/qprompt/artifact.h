// Room `artifact`: a trained prompt and its bytes, the `.qprompt` file (docs/artifact.md).
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "method/method.h"
#include "qprompt/base.h"
#include "qprompt/quant.h"

namespace qprompt {

/// One learned tensor: codes and codebook (bits 1 to 8), or its values in fp16 or fp32.
struct StoredTensor {
  std::string name;            ///< "ctx"
  std::vector<int64_t> shape;  ///< 1 to 4 axes
  int64_t bits = 32;           ///< 1..8, 16 or 32
  QuantizedValues quantized;   ///< bits 1..8
  std::vector<float> plain;    ///< bits 16 (each exactly a half) or 32

  int64_t count() const;          ///< N
  int64_t payload_bytes() const;  ///< ⌈Nb/8⌉ + 2·2^b, or 2N, or 4N
  std::vector<float> values() const;
};

/// Everything a `.qprompt` file says.
struct TrainedPrompt {
  /// Word of its method, whose row says the tensors. KgCoOp and ProGrad leave CoOp's tensor behind,
  /// PromptSRC those of IVLP.
  std::string method = "coop";
  int64_t n_ctx = 0;  ///< M
  int64_t width = 0;  ///< D, always of the text tower
  ClassPosition position = ClassPosition::kEnd;
  bool class_specific = false;  ///< ctx is (C, M, D) and belongs to `class_names`
  int64_t depth = 1;            ///< J
  int64_t bits = 32;            ///< of the run; a tensor may differ
  int64_t shots = 0;            ///< 0: all images
  uint64_t seed = 0;
  ClassSubset half = ClassSubset::kAll;
  std::array<uint8_t, 16> fingerprint{};  ///< of the CLIP it belongs to
  std::vector<StoredTensor> tensors;      ///< as the method names and orders them
  std::string initial_words;              ///< optional: "a photo of a"; frozen words come from it
  std::string dataset;                    ///< optional
  std::vector<std::string> class_names;   ///< optional; required when class_specific

  const Method& row() const { return find_method(method); }
  /// The options that its learner is made from, as far as the file says them.
  MethodOptions options() const;
  const StoredTensor& tensor(const std::string& name) const;  ///< throws kContent
  int64_t payload_bytes() const;
};

/// Same prompt, same bytes. Throws kContent when a field is out of the format's range.
std::string encode_prompt(const TrainedPrompt& prompt);
/// Safe on hostile bytes: every size is checked before it is used, the checksum before the content.
/// Throws kContent saying which byte and why; `name` stands for the file.
TrainedPrompt decode_prompt(std::string_view bytes, const std::string& name);

/// Atomic; throws kPath.
void write_prompt(const std::string& path, const TrainedPrompt& prompt);
TrainedPrompt read_prompt(const std::string& path);

}  // namespace qprompt
