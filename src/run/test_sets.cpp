#include <ATen/core/Tensor.h>

#include "qprompt/run.h"

namespace qprompt {
namespace {

Score score(const Clip& clip, const at::Tensor& classes, const TestSet& test) {
  return score_features(clip, test.features, test.split.test, classes, test.split.class_names);
}

}  // namespace

TestSet open_test_set(const Clip& clip, const Split& split, Half half,
                      const FeatureOptions& features, Log& log) {
  FeatureOptions lenient = features;
  lenient.skip_broken = true;
  TestSet test{select_half(split, half), half, {}};
  if (test.split.test.empty()) {
    fail(ErrorKind::kContent, "'", split.name, "' has no test images of the ", half_name(half),
         " classes to score");
  }
  test.features = test_features(clip, test.split.image_root, test.split.test, lenient, log);
  for (const std::string& reason : test.features.failed) log.warn("skipped: " + reason);
  return test;
}

Score score_prompt(const Clip& clip, const TrainedPrompt& prompt, const TestSet& test) {
  return score(clip, class_matrix(clip, prompt, test.split.class_names), test);
}

Score score_templates(const Clip& clip, const std::vector<std::string>& templates,
                      const TestSet& test) {
  return score(clip, zero_shot_matrix(clip, test.split.class_names, templates), test);
}

}  // namespace qprompt
