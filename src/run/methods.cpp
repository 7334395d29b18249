#include "qprompt/run.h"

namespace qprompt {
namespace {

void check_bits(int64_t bits) {
  if (bits < 1 || bits > 8) {
    fail(ErrorKind::kUsage, "bits: ", bits, " is not a whole number from 1 to 8");
  }
}

}  // namespace

const std::vector<std::string>& method_kinds() {
  static const std::vector<std::string> kKinds{"zero-shot", "coop", "qcoop", "coop-ptq"};
  return kKinds;
}

std::string set_method(const std::string& kind, int64_t bits, FitOptions& fit) {
  const std::string unit = cat(bits, bits == 1 ? " bit" : " bits");
  if (kind == "coop") {
    fit.train.quantization = Quantization::kNone;
    return "CoOp";
  }
  if (kind == "qcoop" || kind == "coop-ptq") {
    check_bits(bits);
    fit.train.quantizer.bits = bits;
    const bool aware = kind == "qcoop";
    fit.train.quantization = aware ? Quantization::kAware : Quantization::kPostTraining;
    return (aware ? "QCoOp " : "CoOp quantized, ") + unit;
  }
  fail(ErrorKind::kUsage, "method: '", kind, "' is not one of: coop, qcoop, coop-ptq");
}

}  // namespace qprompt
