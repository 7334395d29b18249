// The same inputs give the same bits, or the number of the numerics is another one: what is kept
// under that number (features, trainings, scores) would otherwise be taken for what it is not.
#include <fstream>

#include "base/numerics.h"
#include "golden/oracle.h"
#include "qprompt/train.h"
#include "qprompt/weights.h"

namespace qprompt {
namespace {

using Json = nlohmann::json;

/// Bits may differ from one machine to the next, and from one LibTorch to the next.
std::string this_machine() {
  std::ifstream file("/proc/cpuinfo");
  std::string processor = "unknown processor";
  for (std::string line; std::getline(file, line);) {
    if (line.rfind("model name", 0) != 0) continue;
    processor = line.substr(line.find(':') + 2);
    break;
  }
  return cat("LibTorch ", runtime_info().torch, ", ", Clip::product(), ", ", processor);
}

std::string digest_of_bytes(const void* data, size_t bytes) {
  Digest digest;
  digest.update(data, bytes);
  return digest.hex();
}

/// A short 1-bit training on the demo's images, one thread.
Json measure() {
  configure_runtime(1);
  Log log;
  const Clip clip = Clip::load(testing_support::demo_clip(), {});
  const Split whole = load_split({.root = testing_support::demo_data()}, log);
  const Split split = select_half(draw_few_shot(whole, 2, 1, log), Half::kBase);
  FitOptions fit;
  fit.features.cache = "none";
  const FeatureSet set = test_features(clip, split.image_root, split.train, fit.features, log);
  const at::Tensor rows = set.features.contiguous();  // (1, N, E)
  fit.train.epochs = 3;
  fit.shots = 2;
  fit.half = Half::kBase;
  const std::string prompt = encode_prompt(fit_prompt(clip, split, fit, log).prompt);
  return {{"features", digest_of_bytes(rows.data_ptr<float>(), rows.numel() * sizeof(float))},
          {"prompt", digest_of_bytes(prompt.data(), prompt.size())}};
}

TEST(GoldenNumerics, BitsChangeOnlyWithTheNumberOfTheNumerics) {
  const std::string path = QPROMPT_SOURCE_DIR "/tests/data/numerics.json";
  const Json known = golden::read_json(path);
  const std::string number = std::to_string(kNumerics), machine = this_machine();
  const Json now = measure();
  if (!known.contains(number) || !known[number].contains(machine)) {
    GTEST_SKIP() << path << " has no bits of number " << number << " for this machine; they are\n"
                 << Json{{machine, now}}.dump(2);
  }
  EXPECT_EQ(known[number][machine], now)
      << "bits have changed: raise kNumerics in src/base/numerics.h and add the new ones to "
      << path;
}

}  // namespace
}  // namespace qprompt
