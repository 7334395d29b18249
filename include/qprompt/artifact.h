// Room `artifact`: a trained prompt and its bytes, the `.qprompt` file (docs/artifact.md).
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "method/method.h"
#include "qprompt/base.h"
#include "qprompt/quant.h"

namespace qprompt {

/// One learned tensor: codes and codebooks (bits 1 to 8), or its values in fp16 or fp32.
struct StoredTensor {
  std::string name;            ///< "ctx"
  std::vector<int64_t> shape;  ///< 1 to 4 axes
  int64_t bits = 32;           ///< 1..8, 16 or 32
  /// G: the first axis is cut into so many equal groups, each with a codebook of its own.
  int64_t codebooks = 1;
  QuantizedValues quantized;  ///< bits 1..8; its codebook holds G·2^b centres
  std::vector<float> plain;   ///< bits 16 (each exactly a half) or 32

  int64_t count() const;          ///< N
  int64_t payload_bytes() const;  ///< ⌈Nb/8⌉ + 2G·2^b, or 2N, or 4N
  std::vector<float> values() const;
};

/// Training features that a rule for unseen classes reads, one row an image.
struct StoredFeatures {
  int64_t width = 0;            ///< E; 0: none
  std::vector<float> values;    ///< N·E, each exactly a half
  std::vector<int64_t> labels;  ///< N
  bool operator==(const StoredFeatures&) const = default;
};

/// A section that this version does not know and that is marked harmless: kept as it came.
struct OtherSection {
  uint8_t tag = 0x80;
  std::string content;
  bool operator==(const OtherSection&) const = default;
};

/// Everything a `.qprompt` file says. A learner is made again from it and its CLIP alone.
struct TrainedPrompt {
  /// Word of its method, whose row says the tensors. KgCoOp and ProGrad leave CoOp's tensor behind,
  /// PromptSRC those of IVLP.
  std::string method = find_form(0)->word;
  int64_t n_ctx = 0;  ///< M; 0 where the method has no context
  int64_t width = 0;  ///< D, always of the text tower
  ClassPosition position = ClassPosition::kEnd;
  int64_t depth = 1;  ///< J; 0 where the method has no context
  /// Options that decide the classifier and stand nowhere else, in the row's order; what has the
  /// stored form's own value is left out.
  NamedTexts settings;
  int64_t bits = 32;  ///< of the run; a tensor may differ
  int64_t shots = 0;  ///< 0: all images
  uint64_t seed = 0;
  ClassSubset half = ClassSubset::kAll;
  std::array<uint8_t, 16> fingerprint{};  ///< of the CLIP it belongs to
  std::vector<StoredTensor> tensors;      ///< as the method names and orders them
  std::string initial_words;              ///< "a photo of a"; frozen words come from it
  std::optional<Unseen> unseen;           ///< where it is not what method and options say
  float temperature = 0;                  ///< τ; 0: the CLIP's own
  std::vector<std::string> class_names;   ///< required where it is bound to its classes
  StoredFeatures features;
  std::string dataset;     ///< optional
  std::string base_model;  ///< optional: "ViT-B/16"
  std::vector<OtherSection> others;

  const Method& row() const { return find_method(method); }
  /// The options that its learner is made from.
  MethodOptions options() const;
  /// How it meets classes that it never saw.
  Unseen unseen_rule() const;
  /// Whether it tells apart the classes of its training and no others.
  bool bound_to_classes() const { return unseen_rule() == Unseen::kRefused; }
  const StoredTensor& tensor(const std::string& name) const;  ///< throws kContent
  int64_t payload_bytes() const;
};

/// Sets what the options decide: method, n_ctx, depth, position, settings, initial words. They are
/// resolved.
void describe_method(TrainedPrompt& prompt, const MethodOptions& options);

/// Whether a file can hold the text: 1 to 4096 bytes of UTF-8 without control characters.
bool is_storable(std::string_view text);

/// Same prompt, same bytes, in the newest format version. Throws kContent when a field is out of
/// its range.
std::string encode_prompt(const TrainedPrompt& prompt);
/// Reads every format version. Safe on hostile bytes: every size is checked before it is used, the
/// checksum before the content. Throws kContent saying which byte and why; `name` stands for the
/// file.
TrainedPrompt decode_prompt(std::string_view bytes, const std::string& name);

/// Atomic; throws kPath.
void write_prompt(const std::string& path, const TrainedPrompt& prompt);
TrainedPrompt read_prompt(const std::string& path);

}  // namespace qprompt
