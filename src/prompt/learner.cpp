#include "prompt/learners.h"

namespace qprompt {

bool prompts_images(PromptKind kind) {
  return kind == PromptKind::kMaPLe || kind == PromptKind::kIvlp || kind == PromptKind::kVpt;
}

ImagePrompts PromptLearner::image_prompts(const std::vector<at::Tensor>&) const { return {}; }

PackedPrompts PromptLearner::prompts_for(const std::vector<at::Tensor>& values,
                                         const at::Tensor&) const {
  return prompts(values);
}

std::unique_ptr<PromptLearner> make_learner(const Clip& clip,
                                            const std::vector<std::string>& class_names,
                                            const ContextOptions& options) {
  switch (options.kind) {
    case PromptKind::kCoOp:
      return make_coop(clip, class_names, options);
    case PromptKind::kCoCoOp:
      return prompt::make_cocoop(clip, class_names, options);
    default:
      return prompt::make_deep(clip, class_names, options);
  }
}

PackedPrompts pack_texts(const Clip& clip, const std::vector<std::string>& texts) {
  std::vector<std::vector<PackedRow>> rows;
  rows.reserve(texts.size());
  for (const std::string& text : texts) {
    std::vector<PackedRow> one;
    for (int64_t id : clip.tokenizer().encode_framed(text, clip.config().context_length)) {
      one.push_back({.token = id});
    }
    rows.push_back(std::move(one));
  }
  return pack_prompts(rows);
}

}  // namespace qprompt
