// Any bytes at all: probing and decoding end in a picture of the announced size or in an Error.
#include <cstddef>
#include <cstdint>
#include <cstdlib>

#include "qprompt/image.h"

namespace {

/// Runs `action`; an Error of kind kContent is a proper end, anything else is left to escape.
template <class Action>
void attempt(Action action) {
  try {
    action();
  } catch (const qprompt::Error& error) {
    if (error.kind() != qprompt::ErrorKind::kContent) throw;
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  attempt([&] { qprompt::probe_image(bytes, "fuzz"); });
  attempt([&] {
    // Small, so that a run spends its time on headers and not on pixels.
    const qprompt::DecodeOptions options{true, 256, 1 << 14};
    const qprompt::Image image = qprompt::decode_image(bytes, "fuzz", options);
    const bool sound = image.width >= 1 && image.width <= 256 && image.height >= 1 &&
                       image.height <= 256 &&
                       image.rgb.size() == static_cast<size_t>(3 * image.width * image.height);
    if (!sound) std::abort();
  });
  return 0;
}
