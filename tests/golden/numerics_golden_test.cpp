// The bits of features and gradients, under the number of the numerics.
#include "base/numerics.h"

#include <torch/version.h>

#include <fstream>
#include <sstream>

#include "golden/oracle.h"
#include "learner/learner.h"
#include "qprompt/weights.h"

namespace qprompt {
namespace {

const char* const kKnown = QPROMPT_SOURCE_DIR "/tests/data/numerics.txt";

void add(Digest& digest, const at::Tensor& t) {
  const at::Tensor values = t.detach().contiguous();
  digest.update(values.data_ptr(), values.nbytes());
}

/// What this machine makes of the tiny oracle: features of both towers, and CoOp's gradient.
std::string bits_here() {
  const std::string folder = QPROMPT_SOURCE_DIR "/tests/data/oracle/tiny/";
  ClipOptions vocabulary;
  vocabulary.vocab = folder + "vocab.txt.gz";
  const Clip clip = Clip::load(folder + "openai_torchscript.pt", vocabulary);
  const WeightStore oracle = read_weights(folder + "oracle.safetensors");
  Digest digest;
  const at::Tensor image = clip.encode_image(oracle.at("preprocessed"));  // (B, E)
  add(digest, image);
  std::vector<std::vector<PackedRow>> texts;
  for (const int64_t word : {5, 60, 7, 300}) {
    texts.push_back(
        {{.token = 623}, {.learned = 0}, {.learned = 1}, {.token = word}, {.token = 624}});
  }
  PackedPrompts prompts = pack_prompts(texts);
  prompts.learned = oracle.at("coop_init.ctx").narrow(0, 0, 2).clone().requires_grad_();  // (2, D)
  const at::Tensor text = clip.encode_text(prompts);                                      // (4, E)
  (text * image.narrow(0, 0, 4)).sum().backward();
  add(digest, text);
  add(digest, prompts.learned.grad());
  return digest.hex();
}

/// The processor's family and model: BLAS chooses its kernels by them.
std::string processor() {
  std::ifstream in("/proc/cpuinfo");
  std::string out;
  for (std::string line; std::getline(in, line) && !line.empty();) {
    for (const char* field : {"vendor_id", "cpu family", "model\t"}) {
      if (line.rfind(field, 0) == 0) out += line.substr(line.find(':') + 1);
    }
  }
  return out.empty() ? "unknown" : out.substr(1);
}

/// Lines "number | LibTorch | processor | what multiplies | digest".
std::string known_bits(const std::string& key) {
  std::ifstream in(kKnown);
  for (std::string line; std::getline(in, line);) {
    if (line.rfind(key, 0) == 0) return line.substr(key.size());
  }
  return "";
}

// A change that moves bits raises kNumerics and writes the new line here; one that should move none
// does neither, and this holds.
TEST(GoldenNumerics, TheNumberStandsForTheBits) {
  const std::string key =
      cat(kNumerics, " | ", TORCH_VERSION, " | ", processor(), " | ", Clip::product(), " | ");
  const std::string bits = bits_here(), known = known_bits(key);
  if (known.empty()) {
    GTEST_SKIP() << "no bits are known for this machine; the line would be\n" << key << bits;
  }
  EXPECT_EQ(bits, known) << "other bits under the same number: raise kNumerics (base/numerics.h), "
                            "and add the line\n"
                         << cat(kNumerics + 1, key.substr(key.find(' '))) << bits;
}

}  // namespace
}  // namespace qprompt
