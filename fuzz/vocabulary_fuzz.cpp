// Any bytes as a vocabulary of each kind, for a small model: read, or refused by an Error. What was
// read encodes any text into ids of the model.
#include <string>

#include "qprompt/base.h"
#include "qprompt/tokenizer.h"
#include "scratch_file.h"

namespace {

constexpr int64_t kVocabSize = 514 + 8;

void attempt(const std::string& path, std::string_view text) {
  try {
    const qprompt::Tokenizer tokenizer = qprompt::Tokenizer::load(path, kVocabSize);
    for (const int64_t id : tokenizer.encode(std::string(text.substr(0, 256)))) {
      if (id < 0 || id >= kVocabSize) std::abort();
    }
  } catch (const qprompt::Error& error) {
    if (error.kind() != qprompt::ErrorKind::kContent && error.kind() != qprompt::ErrorKind::kPath) {
      std::abort();
    }
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const ScratchFile text("vocab.txt"), tokenizer("tokenizer.json");
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  text.write(bytes);
  attempt(text.path(), bytes);
  tokenizer.write(bytes);
  attempt(tokenizer.path(), bytes);
  return 0;
}
