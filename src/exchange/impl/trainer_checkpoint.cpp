#include "exchange/trainer_checkpoint.h"

#include <algorithm>
#include <charconv>
#include <map>
#include <set>

#include "base/aten.h"
#include "qprompt/base.h"
#include "qprompt/weights.h"

namespace qprompt {
namespace {

using Learned = TrainerCheckpoint::Learned;

constexpr std::string_view kLearner = "prompt_learner.";
constexpr std::string_view kDeepRow = ".VPT_shallow";

bool starts_with(std::string_view text, std::string_view start) {
  return text.substr(0, start.size()) == start;
}
bool ends_with(std::string_view text, std::string_view end) {
  return text.size() >= end.size() && text.substr(text.size() - end.size()) == end;
}

/// The trainers of --method, and the methods that each of them can leave behind.
struct Trainer {
  std::string name;
  std::set<PromptMethod> methods;
};
const std::vector<Trainer>& trainers() {
  using enum PromptMethod;
  static const std::vector<Trainer> kTrainers = {
      {"auto", {kCoOp, kCoCoOp, kMaPLe, kIvlp, kVpt, kDeepText}},
      {"coop", {kCoOp}},
      {"kgcoop", {kCoOp}},
      {"prograd", {kCoOp}},
      {"cocoop", {kCoCoOp}},
      {"maple", {kMaPLe}},
      {"promptsrc", {kIvlp, kDeepText}},  // without rows in the image tower: DeepText
      {"ivlp", {kIvlp, kDeepText}},
      {"vpt", {kVpt}}};
  return kTrainers;
}

/// The model's tensors by their names in the state dictionary, without the prefixes that wrappers
/// add: `model.` (Lightning), `module.` (DataParallel) and, where the whole model was saved,
/// `prompt_learner.`.
class StateDict {
 public:
  explicit StateDict(const WeightStore& store) : source_(store.source) {
    const std::string_view top = "state_dict.";
    const auto in_dict = [&](const auto& item) { return starts_with(item.first, top); };
    const bool nested = std::any_of(store.tensors.begin(), store.tensors.end(), in_dict);
    for (const auto& item : store.tensors) {
      if (nested && !in_dict(item)) continue;
      std::string_view name = item.first;
      for (const std::string_view prefix :
           {nested ? top : "", std::string_view("model."), std::string_view("module."), kLearner}) {
        if (starts_with(name, prefix)) name.remove_prefix(prefix.size());
      }
      whole_model_ = whole_model_ || starts_with(name, "text_encoder.");
      if (!tensors_.emplace(name, item.second).second) {
        fail(ErrorKind::kContent, "'", source_, "': two tensors are called '", name,
             "' once the wrappers' prefixes are taken off");
      }
    }
  }

  const std::string& source() const { return source_; }
  /// Whether the frozen towers were saved too.
  bool whole_model() const { return whole_model_; }
  bool has(const std::string& name) const { return tensors_.count(name) != 0; }
  at::Tensor find(const std::string& name) const {
    const auto found = tensors_.find(name);
    return found == tensors_.end() ? at::Tensor() : found->second;
  }

  /// The numbers i of the tensors `before` i `after`.
  std::set<int64_t> numbers(std::string_view before, std::string_view after) const {
    std::set<int64_t> out;
    for (const auto& [name, tensor] : tensors_) {
      if (!starts_with(name, before) || !ends_with(name, after)) continue;
      const char* begin = name.data() + before.size();
      const char* end = name.data() + name.size() - after.size();
      int64_t number = 0;
      if (begin < end && std::from_chars(begin, end, number).ptr == end) out.insert(number);
    }
    return out;
  }

  /// A learned tensor with this many axes, under its new name.
  Learned take(const std::string& name, const std::string& stored, int64_t axes) {
    const at::Tensor tensor = find(name);
    if (!tensor.defined()) {
      fail(ErrorKind::kContent, "'", source_, "' lacks the tensor '", name,
           "', which belongs to the others that it has; save the model's state_dict again");
    }
    if (!at::isFloatingType(tensor.scalar_type()) || tensor.dim() != axes || tensor.numel() == 0) {
      fail(ErrorKind::kContent, "'", source_, "': '", name, "' is a tensor of type ",
           at::toString(tensor.scalar_type()), " and shape ", tensor.sizes(), "; ", axes,
           " axes of floating-point values were expected");
    }
    taken_.insert(name);
    return {stored, name, tensor};
  }

  /// What was not taken and is not known to be derived or frozen.
  std::vector<std::string> unknown() const {
    std::vector<std::string> out;
    for (const auto& [name, tensor] : tensors_) {
      if (taken_.count(name) == 0 && !is_derived(name)) out.push_back(name);
    }
    return out;
  }

  std::string first_names() const {
    std::string out;
    int left = 6;
    for (const auto& [name, tensor] : tensors_) {
      if (left-- == 0) return out + ", …";
      out += (out.empty() ? "'" : ", '") + name + "'";
    }
    return out.empty() ? "nothing" : out;
  }

 private:
  static bool is_derived(std::string_view name) {
    for (const std::string_view start :
         {"token_prefix", "token_suffix", "token_midfix", "bias_vectors", "ZS_image_encoder.",
          "image_encoder.", "text_encoder.", "logit_scale"}) {
      if (starts_with(name, start) && !ends_with(name, kDeepRow)) return true;
    }
    return starts_with(name, "meta_net.");  // KgCoOp makes one and never uses it
  }

  std::string source_;
  std::map<std::string, at::Tensor> tensors_;
  std::set<std::string> taken_;
  bool whole_model_ = false;
};

struct Towers {
  std::string text = "text_encoder.transformer.resblocks.",
              image = "image_encoder.transformer.resblocks.", first_image = "image_encoder.VPT";
};

PromptMethod recognise(const StateDict& dict, const std::string& trainer) {
  const Towers towers;
  const bool deep_image =
      dict.has(towers.first_image) || !dict.numbers(towers.image, kDeepRow).empty();
  if (dict.has("proj.weight") || !dict.numbers("compound_prompts_text.", "").empty()) {
    return PromptMethod::kMaPLe;
  }
  if (deep_image) return dict.has("ctx") ? PromptMethod::kIvlp : PromptMethod::kVpt;
  if (!dict.numbers(towers.text, kDeepRow).empty()) return PromptMethod::kDeepText;
  if (dict.has("meta_net.linear2.weight")) return PromptMethod::kCoCoOp;
  if (!dict.has("ctx")) {
    fail(ErrorKind::kContent, "'", dict.source(),
         "' holds no learned prompt that is known: no 'ctx', no 'compound_prompts_text', no 'VPT'. "
         "It has ",
         dict.first_names(),
         "; give a checkpoint of CoOp, CoCoOp, KgCoOp, ProGrad, MaPLe, PromptSRC, IVLP or VPT");
  }
  // IVLP of depth 1 and CoOp learn the same tensor; only the former saves the towers with it.
  const bool deep =
      trainer == "ivlp" || trainer == "promptsrc" || (trainer == "auto" && dict.whole_model());
  return deep ? PromptMethod::kDeepText : PromptMethod::kCoOp;
}

/// 1 … n - 1 as the keys of n blocks; anything else has a hole.
int64_t depth_of(const StateDict& dict, const std::set<int64_t>& numbers, int64_t first,
                 std::string_view what) {
  int64_t expected = first;
  for (const int64_t number : numbers) {
    if (number != expected) {
      fail(ErrorKind::kContent, "'", dict.source(), "': ", what, " ", expected,
           " is missing, and there is one with the number ", number);
    }
    ++expected;
  }
  return expected;
}

void take_text_rows(StateDict& dict, TrainerCheckpoint& out) {
  const Towers towers;
  out.tensors.push_back(dict.take("ctx", "ctx", 2));
  out.depth = depth_of(dict, dict.numbers(towers.text, kDeepRow), 1, "the text tower's deep row");
  for (int64_t j = 1; j < out.depth; ++j) {
    out.tensors.push_back(dict.take(cat(towers.text, j, kDeepRow), cat("deep.", j), 2));
  }
}

/// Returns the depth in the image tower.
int64_t take_image_rows(StateDict& dict, TrainerCheckpoint& out) {
  const Towers towers;
  out.tensors.push_back(dict.take(towers.first_image, "vision.0", 2));
  const int64_t depth =
      depth_of(dict, dict.numbers(towers.image, kDeepRow), 1, "the image tower's deep row");
  for (int64_t j = 1; j < depth; ++j) {
    out.tensors.push_back(dict.take(cat(towers.image, j, kDeepRow), cat("vision.", j), 2));
  }
  return depth;
}

void take_maple(StateDict& dict, TrainerCheckpoint& out) {
  const std::string rows = "compound_prompts_text.", projections = "compound_prompt_projections.";
  out.tensors.push_back(dict.take("ctx", "ctx", 2));
  out.depth = 1 + depth_of(dict, dict.numbers(rows, ""), 0, "compound_prompts_text");
  for (int64_t j = 1; j < out.depth; ++j) {
    out.tensors.push_back(dict.take(cat(rows, j - 1), cat("deep.", j), 2));
  }
  for (int64_t j = 0; j < out.depth; ++j) {
    const std::string from = j == 0 ? "proj." : cat(projections, j - 1, "."), to = cat("proj.", j);
    out.tensors.push_back(dict.take(from + "weight", to + ".weight", 2));
    out.tensors.push_back(dict.take(from + "bias", to + ".bias", 1));
  }
}

void take_tensors(StateDict& dict, TrainerCheckpoint& out) {
  switch (out.method) {
    case PromptMethod::kCoOp: {
      const at::Tensor ctx = dict.find("ctx");
      out.class_specific = ctx.dim() == 3;
      out.tensors.push_back(dict.take("ctx", "ctx", out.class_specific ? 3 : 2));
      break;
    }
    case PromptMethod::kCoCoOp:
      out.tensors.push_back(dict.take("ctx", "ctx", 2));
      for (const std::string layer : {"1", "2"}) {
        const std::string from = "meta_net.linear" + layer, to = "meta." + layer;
        out.tensors.push_back(dict.take(from + ".weight", to + ".weight", 2));
        out.tensors.push_back(dict.take(from + ".bias", to + ".bias", 1));
      }
      break;
    case PromptMethod::kMaPLe:
      take_maple(dict, out);
      break;
    case PromptMethod::kIvlp:
      take_text_rows(dict, out);
      take_image_rows(dict, out);
      break;
    case PromptMethod::kVpt:
      out.depth = take_image_rows(dict, out);
      break;
    case PromptMethod::kDeepText:
      take_text_rows(dict, out);
      break;
  }
}

}  // namespace

const std::vector<std::string>& trainer_names() {
  static const std::vector<std::string> kNames = [] {
    std::vector<std::string> names;
    for (const Trainer& trainer : trainers()) names.push_back(trainer.name);
    return names;
  }();
  return kNames;
}

std::string trainer_of_log(const std::string& name) {
  std::string lower = name;
  for (char& c : lower) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  const auto& names = trainer_names();
  return lower != "auto" && std::count(names.begin(), names.end(), lower) != 0 ? lower : "";
}

TrainerCheckpoint read_trainer_checkpoint(const std::string& path, const std::string& trainer) {
  const WeightStore store = read_weights(path);
  StateDict dict(store);
  TrainerCheckpoint out;
  out.trainer = trainer;
  out.method = recognise(dict, trainer);
  const auto expected = std::find_if(trainers().begin(), trainers().end(),
                                     [&](const Trainer& t) { return t.name == trainer; });
  if (expected == trainers().end() || expected->methods.count(out.method) == 0) {
    fail(ErrorKind::kUsage, "'", path, "' holds the tensors of ", method_name(out.method),
         ", and the trainer is said to be ", trainer,
         "; give the method that it was trained by with --method, or leave it to the tensors with "
         "--method auto --log none");
  }
  take_tensors(dict, out);
  const at::Tensor& first = out.tensors.front().values;
  out.n_ctx = first.size(out.class_specific ? 1 : 0);
  if (out.method != PromptMethod::kVpt) out.width = first.size(-1);
  out.token_prefix = dict.find("token_prefix");
  out.token_suffix = dict.find("token_suffix");
  out.unknown = dict.unknown();
  if (const auto epoch = store.tensors.find("epoch"); epoch != store.tensors.end()) {
    if (epoch->second.numel() == 1 && epoch->second.scalar_type() == at::kLong) {
      out.epoch = epoch->second.item<int64_t>();
    }
  }
  return out;
}

}  // namespace qprompt
