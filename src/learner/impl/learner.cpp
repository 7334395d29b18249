#include <map>

#include "prompt/learners.h"

namespace qprompt {
namespace {

using Maker = std::unique_ptr<PromptLearner> (*)(const Clip&, const prompt::ClassNames&,
                                                 const MethodOptions&);

const std::map<std::string, Maker>& makers() {
  static const std::map<std::string, Maker> kMakers = {
      {"context", prompt::make_context},
      {"conditional-context", prompt::make_conditional},
      {"deep", prompt::make_deep}};
  return kMakers;
}

std::vector<ParameterSpec> parameters_of(const MethodOptions& options, const Sizes& sizes) {
  std::vector<ParameterSpec> out;
  for (const TensorSpec& tensor : options.method().tensors(options, sizes)) {
    ParameterSpec spec{tensor.name, {}, tensor.quantized};
    for (const Axis& axis : tensor.axes) {
      if (axis.size < 1) {
        fail(ErrorKind::kContent, "the row of '", options.method().word, "' leaves the axis ",
             axis.letter, " of '", tensor.name, "' open");
      }
      spec.shape.push_back(axis.size);
    }
    out.push_back(std::move(spec));
  }
  return out;
}

}  // namespace

PromptLearner::PromptLearner(const Clip& clip, MethodOptions options, int64_t classes)
    : options_(std::move(options)),
      parameters_(parameters_of(options_, sizes_of(clip, options_, classes))) {}

ImagePrompts PromptLearner::image_prompts(const std::vector<at::Tensor>&) const { return {}; }

PackedPrompts PromptLearner::prompts_for(const std::vector<at::Tensor>& values,
                                         const at::Tensor&) const {
  return prompts(values);
}

Sizes sizes_of(const Clip& clip, const MethodOptions& options, int64_t classes) {
  const ClipConfig& config = clip.config();
  Sizes sizes;
  sizes.classes = classes;
  sizes.text_width = config.text_width;
  sizes.image_width = config.image_width;
  sizes.joint_width = config.embed_dim;
  sizes.text_blocks = config.text_layers;
  sizes.image_blocks = config.image_kind == ImageTowerKind::kVit ? config.image_layers : 0;
  if (options.has("init")) {
    sizes.words = static_cast<int64_t>(clip.tokenizer().encode(options.text("init")).size());
  }
  return sizes;
}

std::unique_ptr<PromptLearner> make_learner(const Clip& clip,
                                            const std::vector<std::string>& class_names,
                                            const MethodOptions& options) {
  const Method& method = options.method();
  if (class_names.empty()) fail(ErrorKind::kContent, "a prompt needs at least one class name");
  const auto maker = makers().find(method.learner);
  if (maker == makers().end()) {
    fail(ErrorKind::kUsage, method.label,
         method.trained() ? cat(" needs the learner '", method.learner, "', which is not here")
                          : std::string(" trains nothing"));
  }
  const auto classes = static_cast<int64_t>(class_names.size());
  return maker->second(clip, class_names, resolved(options, sizes_of(clip, options, classes)));
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
