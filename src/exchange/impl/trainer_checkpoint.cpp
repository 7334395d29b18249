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
  std::set<std::string> methods;  ///< words
};
const std::vector<Trainer>& trainers() {
  static const std::vector<Trainer> kTrainers = {
      {"auto", {"coop", "cocoop", "maple", "ivlp", "vpt", "deep-text"}},
      {"coop", {"coop"}},
      {"kgcoop", {"coop"}},
      {"prograd", {"coop"}},
      {"cocoop", {"cocoop"}},
      {"maple", {"maple"}},
      {"promptsrc", {"ivlp", "deep-text"}},  // without rows in the image tower: deep text
      {"ivlp", {"ivlp", "deep-text"}},
      {"vpt", {"vpt"}}};
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

std::string recognise(const StateDict& dict, const std::string& trainer) {
  const Towers towers;
  const bool deep_image =
      dict.has(towers.first_image) || !dict.numbers(towers.image, kDeepRow).empty();
  if (dict.has("proj.weight") || !dict.numbers("compound_prompts_text.", "").empty()) {
    return "maple";
  }
  if (deep_image) return dict.has("ctx") ? "ivlp" : "vpt";
  if (!dict.numbers(towers.text, kDeepRow).empty()) return "deep-text";
  if (dict.has("meta_net.linear2.weight")) return "cocoop";
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
  return deep ? "deep-text" : "coop";
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

/// Where a stored name ends in a number or has one inside: "deep.3", "proj.0.weight".
struct Numbered {
  std::string before, after;
  int64_t number = 0;
};
Numbered split_number(const std::string& stored) {
  const size_t dot = stored.find('.');
  if (dot == stored.npos) return {stored, "", 0};
  const size_t end = stored.find('.', dot + 1);
  return {stored.substr(0, dot), end == stored.npos ? "" : stored.substr(end),
          std::stoll(stored.substr(dot + 1))};
}

/// What the public trainers call a stored tensor; the first that the checkpoint has.
std::string source_of(const StateDict& dict, const std::string& stored) {
  const Towers towers;
  const auto [before, after, j] = split_number(stored);
  std::vector<std::string> names = {stored};
  if (before == "deep") {
    names = {cat(towers.text, j, kDeepRow), cat("compound_prompts_text.", j - 1)};
  } else if (before == "vision") {
    names = {j == 0 ? towers.first_image : cat(towers.image, j, kDeepRow)};
  } else if (before == "proj") {
    names = {j == 0 ? "proj" + after : cat("compound_prompt_projections.", j - 1, after)};
  } else if (before == "meta") {
    names = {cat("meta_net.linear", j, after)};
  }
  for (const std::string& name : names) {
    if (dict.has(name)) return name;
  }
  return names.front();
}

/// The options that the tensors of a checkpoint tell.
MethodOptions options_of(const StateDict& dict, const std::string& method) {
  const Towers towers;
  MethodOptions options(method);
  const auto set = [&](const char* name, int64_t value) {
    if (options.has(name)) options.set(name, value);
  };
  const at::Tensor ctx = dict.find("ctx"), first_image = dict.find(towers.first_image);
  int64_t text =
      depth_of(dict, dict.numbers(towers.text, kDeepRow), 1, "the text tower's deep row");
  if (const auto rows = dict.numbers("compound_prompts_text.", ""); !rows.empty()) {
    text = 1 + depth_of(dict, rows, 0, "compound_prompts_text");
  }
  const int64_t image =
      depth_of(dict, dict.numbers(towers.image, kDeepRow), 1, "the image tower's deep row");
  const bool texts = options.method().learns_text;
  set("depth", texts ? text : image);
  set("vision-depth", image);
  const bool specific = options.has("class-specific") && ctx.defined() && ctx.dim() == 3;
  if (specific) options.set("class-specific", std::string("true"));
  const auto rows_of = [](const at::Tensor& rows) {
    return rows.defined() && rows.dim() >= 2 ? rows.size(-2) : int64_t{1};
  };
  set("n-ctx", rows_of(texts ? ctx : first_image));
  set("vision-ctx", rows_of(first_image));
  return options;
}

void take_tensors(StateDict& dict, TrainerCheckpoint& out) {
  out.options = options_of(dict, out.method);
  const MethodOptions& options = out.options;
  for (const TensorSpec& tensor : options.method().tensors(options, {})) {
    out.tensors.push_back(dict.take(source_of(dict, tensor.name), tensor.name,
                                    static_cast<int64_t>(tensor.axes.size())));
  }
  out.depth = options.whole_or("depth", 1);
  out.n_ctx = options.whole("n-ctx");
  out.class_specific = unseen_rule(options) == Unseen::kRefused;
  if (options.method().learns_text) out.width = out.tensors.front().values.size(-1);
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
    fail(ErrorKind::kUsage, "'", path, "' holds the tensors of ", find_method(out.method).label,
         ", and the trainer is said to be ", trainer,
         "; give the method that it was trained by with --method, or leave it to the tensors with "
         "--method auto --log none");
  }
  take_tensors(dict, out);
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
