#include "experiment/methods.h"

namespace qprompt {
namespace {

void check_bits(int64_t bits) {
  if (bits < 1 || bits > 8) {
    fail(ErrorKind::kUsage, "bits: ", bits, " is not a whole number from 1 to 8");
  }
}

/// A prompt learner by the name that a user gives.
struct Learner {
  const char* name;
  const char* label;
  PromptKind kind;
};
constexpr Learner kLearners[] = {
    {"coop", "CoOp", PromptKind::kCoOp},    {"cocoop", "CoCoOp", PromptKind::kCoCoOp},
    {"maple", "MaPLe", PromptKind::kMaPLe}, {"ivlp", "IVLP", PromptKind::kIvlp},
    {"vpt", "VPT", PromptKind::kVpt},       {"deep-text", "DeepText", PromptKind::kDeepText},
};

std::vector<std::string> all_kinds() {
  std::vector<std::string> kinds{"zero-shot"};
  for (const Learner& learner : kLearners) {
    const std::string name = learner.name;
    kinds.push_back(name);
    kinds.push_back(cat("q", name));
    kinds.push_back(name + "-ptq");
  }
  return kinds;
}

}  // namespace

const std::vector<std::string>& method_kinds() {
  static const std::vector<std::string> kKinds = all_kinds();
  return kKinds;
}

bool stores_codes(const std::string& kind) {
  return !kind.empty() && (kind.front() == 'q' || kind.ends_with("-ptq"));
}

std::string set_method(const std::string& kind, int64_t bits, FitOptions& fit) {
  const std::string unit = cat(bits, bits == 1 ? " bit" : " bits");
  for (const Learner& learner : kLearners) {
    const std::string name = learner.name, label = learner.label;
    if (kind != name && kind != "q" + name && kind != name + "-ptq") continue;
    fit.context.kind = learner.kind;
    fit.train.quantization = Quantization::kNone;
    if (kind == name) return label;
    check_bits(bits);
    fit.train.quantizer.bits = bits;
    const bool aware = kind.front() == 'q';
    fit.train.quantization = aware ? Quantization::kAware : Quantization::kPostTraining;
    return (aware ? "Q" + label + " " : label + " quantized, ") + unit;
  }
  std::string known;
  for (const std::string& one : method_kinds()) {
    if (one != "zero-shot") known += (known.empty() ? "" : ", ") + one;
  }
  fail(ErrorKind::kUsage, "method: '", kind, "' is not one of: ", known);
}

}  // namespace qprompt
