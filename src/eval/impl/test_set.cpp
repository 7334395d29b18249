#include <ATen/core/Tensor.h>

#include "qprompt/eval.h"

namespace qprompt {
namespace {

Score score_on(const TestSet& test, const at::Tensor& logits, const FeatureSet& set) {
  Score score = score_logits(logits, set, test.split.test, test.split.class_names);
  if (test.half == Half::kAll && score.total > 0) score.base_scores = base_scores(logits);
  return score;
}

}  // namespace

TestSet open_test_set(const Clip& clip, const Split& split, Half half,
                      const FeatureOptions& features, Log& log) {
  FeatureOptions lenient = features;
  lenient.skip_broken = true;
  TestSet test{select_half(split, half), half, {}, lenient};
  if (test.split.test.empty()) {
    fail(ErrorKind::kContent, "'", split.name, "' has no test images of the ", half_name(half),
         " classes to score");
  }
  test.features = test_features(clip, test.split.image_root, test.split.test, lenient, log);
  for (const std::string& reason : test.features.failed) log.warn("skipped: " + reason);
  return test;
}

Score score_prompt(const Clip& clip, const TrainedPrompt& prompt, const TestSet& test) {
  const PromptedClasses classes(clip, prompt, test.split.class_names);
  const auto score = [&](const FeatureSet& set) {
    return score_on(test, classes.logits(set.features[0]), set);
  };
  if (!classes.image_prompts().learned.defined()) return score(test.features);
  FeatureOptions options = test.options;
  options.prompts = classes.image_prompts();
  Log quiet;  // what cannot be read was said when the set was opened
  const FeatureSet set =
      test_features(clip, test.split.image_root, test.split.test, options, quiet);
  if (set.kept != test.features.kept) {
    fail(ErrorKind::kContent, "the images of '", test.split.name,
         "' have changed since their features were kept: ", set.kept.size(), " can be read now, ",
         test.features.kept.size(), " could be then",
         set.failed.empty() ? std::string() : cat("; ", set.failed.front()),
         "; repair them, or run again with another --cache");
  }
  return score(set);
}

Score score_templates(const Clip& clip, const std::vector<std::string>& templates,
                      const TestSet& test) {
  const at::Tensor classes = zero_shot_matrix(clip, test.split.class_names, templates);  // (C, E)
  return score_on(test, class_logits(clip, test.features.features[0], classes.to(at::kCPU)),
                  test.features);
}

}  // namespace qprompt
