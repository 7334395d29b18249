#include "experiment/methods.h"

#include "method/choice.h"

namespace qprompt {

const std::vector<std::string>& method_kinds() {
  static const std::vector<std::string> kKinds = choice_words();
  return kKinds;
}

bool stores_codes(const std::string& kind) { return find_choice(kind).stores_codes(); }

std::string set_method(const std::string& kind, int64_t bits, FitOptions& fit) {
  const MethodChoice choice = find_choice(kind);
  if (!choice.method->trained()) {
    fail(ErrorKind::kUsage, "method: '", kind, "' trains nothing");
  }
  fit.method = MethodOptions(*choice.method);
  fit.train.quantization = choice.quantization;
  if (choice.stores_codes()) {
    if (bits < 1 || bits > 8) {
      fail(ErrorKind::kUsage, "bits: ", bits, " is not a whole number from 1 to 8");
    }
    fit.train.quantizer.bits = bits;
  }
  return choice.label(bits);
}

}  // namespace qprompt
