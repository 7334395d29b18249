#include "learner/learner.h"

#include <map>
#include <mutex>

#include "base/aten.h"
#include "learner/impl/learners.h"
#include "learner/texts.h"

namespace qprompt {
namespace {

struct Makers {
  std::mutex lock;
  std::map<std::string, LearnerMaker> by_word = {{"context", learner::make_context},
                                                 {"conditional-context", learner::make_conditional},
                                                 {"deep", learner::make_deep}};
};
Makers& makers() {
  static auto* const kMakers = new Makers;  // never destroyed: used until the process ends
  return *kMakers;
}

LearnerMaker find_maker(const Method& method) {
  Makers& all = makers();
  const std::lock_guard lock(all.lock);
  const auto found = all.by_word.find(method.learner);
  if (found != all.by_word.end()) return found->second;
  if (!method.trained()) fail(ErrorKind::kUsage, method.label, " trains nothing");
  fail(ErrorKind::kUsage, "the method '", method.word, "' needs the learner '", method.learner,
       "', which was not added (add_learner)");
}

std::vector<ParameterSpec> parameters_of(const MethodOptions& options, const Sizes& sizes) {
  std::vector<ParameterSpec> out;
  for (const TensorSpec& tensor : options.method().tensors(options, sizes)) {
    ParameterSpec spec{tensor.name, {}, tensor.quantized};
    for (const TensorAxis& axis : tensor.axes) {
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

Learner::Learner(const Start& start)
    : start_(start),
      parameters_(parameters_of(
          start.options,
          sizes_of(start.clip, start.options, static_cast<int64_t>(start.class_names.size())))) {}

TextSide Learner::text(const Values&, const at::Tensor&) const {
  const std::string words = options().has("init") ? options().text("init") : "a photo of a";
  TextLayout layout;
  layout.words = clip().tokenizer().encode(words);
  return {std::make_shared<PackedPrompts>(pack_classes(clip(), class_names(), layout)), {}};
}

ImageSide Learner::image(const Values&) const { return {}; }

at::Tensor Learner::logits(const Values&, const HeadInput& input, Phase) const {
  return input.scale * at::mm(input.image, input.text.t());  // (B, C)
}

void check_values(const Values& values, const std::vector<ParameterSpec>& specs) {
  if (values.size() != specs.size()) {
    fail(ErrorKind::kContent, "this prompt has ", specs.size(), " tensors, '", specs.front().name,
         "' the first of them; got ", values.size());
  }
  for (size_t i = 0; i < specs.size(); ++i) {
    if (!values[i].defined() || values[i].sizes() != at::IntArrayRef(specs[i].shape)) {
      fail(ErrorKind::kContent, "prompt tensor '", specs[i].name, "': shape ",
           at::IntArrayRef(specs[i].shape), " expected, came ",
           values[i].defined() ? values[i].sizes() : at::IntArrayRef());
    }
  }
}

void add_learner(const std::string& word, LearnerMaker make) {
  if (word.empty() || !make) fail(ErrorKind::kUsage, "a learner has a word and a maker");
  Makers& all = makers();
  const std::lock_guard lock(all.lock);
  if (!all.by_word.emplace(word, std::move(make)).second) {
    fail(ErrorKind::kUsage, "the learner '", word, "' cannot be added: its word is taken");
  }
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

std::unique_ptr<Learner> make_learner(const Clip& clip, const std::vector<std::string>& class_names,
                                      const MethodOptions& options) {
  if (class_names.empty()) fail(ErrorKind::kContent, "a prompt needs at least one class name");
  const LearnerMaker make = find_maker(options.method());
  const auto classes = static_cast<int64_t>(class_names.size());
  const Start start{clip, resolved(options, sizes_of(clip, options, classes)), class_names};
  if (options.method().stored_form == kOutsideForm) return learner::guarded(start, make);
  return make(start);
}

}  // namespace qprompt
