#include "train/option_door.h"

#include <algorithm>
#include <memory>

namespace qprompt {
namespace {

/// The options of every method that trains, with everything that quantization adds.
std::vector<std::shared_ptr<FitOptions>> every_method() {
  std::vector<std::shared_ptr<FitOptions>> all;
  for (const std::string& word : method_words()) {
    const Method& row = find_method(word);
    if (!row.trained()) continue;
    auto fit = std::make_shared<FitOptions>();
    fit->method = MethodOptions(row);
    fit->train.quantization = Quantization::kAware;
    all.push_back(std::move(fit));
  }
  return all;
}

std::string label_of(const FitOptions& options) {
  return (options.train.quantization == Quantization::kAware ? "Q" : "") +
         options.method.method().label;
}

[[noreturn]] void refuse(const std::string& name, const std::string& whose,
                         const FitOptions& options) {
  std::string others;
  for (const KnownOption& known : known_options()) {
    if (known.field.name != name) continue;
    for (const std::string& label : known.methods) others += (others.empty() ? "" : ", ") + label;
    if (others.empty()) others = "methods that are quantized";
    fail(ErrorKind::kUsage, "the option '", name, "' has no use in ", whose, "; it is for ", others,
         ": leave it out");
  }
  FitOptions copy = options;
  for (const Field& field : fit_fields(copy)) others += (others.empty() ? "" : ", ") + field.name;
  fail(ErrorKind::kUsage, "no method has an option '", name, "'; ", whose, " has: ", others);
}

}  // namespace

bool has_option(const FitOptions& options, const std::string& name) {
  FitOptions copy = options;
  const Fields fields = fit_fields(copy);
  return std::any_of(fields.begin(), fields.end(),
                     [&](const Field& field) { return field.name == name; });
}

void set_option(FitOptions& options, const std::string& name, const std::string& text) {
  for (const Field& field : fit_fields(options)) {
    if (field.name != name) continue;
    try {
      return field.parse(text);
    } catch (const Error& e) {
      const std::string why = e.what();
      fail(ErrorKind::kUsage, why.rfind(name, 0) == 0 ? "" : name + ": ", why);
    }
  }
  refuse(name, label_of(options), options);
}

std::vector<KnownOption> known_options() {
  const auto methods = every_method();
  std::vector<KnownOption> all;
  for (const auto& fit : methods) {
    for (const Field& field : fit_fields(*fit)) {
      const auto known = std::find_if(all.begin(), all.end(), [&](const KnownOption& one) {
        return one.field.name == field.name;
      });
      if (known != all.end()) {
        known->methods.push_back(fit->method.method().label);
        continue;
      }
      Field kept = field;  // holds what it is bound to
      kept.print = [fit, print = field.print] { return print(); };
      kept.parse = [fit, parse = field.parse](const std::string& text) { parse(text); };
      all.push_back({kept, {fit->method.method().label}});
    }
  }
  for (KnownOption& known : all) {
    if (known.methods.size() == methods.size()) known.methods.clear();
  }
  return all;
}

std::string backbone_of(const Clip& clip) {
  const ClipConfig& config = clip.config();
  if (config.image_kind == ImageTowerKind::kVit) {
    return backbone_name(config.patch_size, config.image_width, config.image_layers);
  }
  const bool fifty = config.resnet_layers == std::array<int64_t, 4>{3, 4, 6, 3};
  return fifty && config.image_width == 64 ? "RN50" : "";
}

Situation situation_of(const Clip& clip, const Split& split, Protocol protocol, int64_t shots) {
  const DatasetInfo* known = split.folder.empty() ? nullptr : find_dataset(split.name);
  Situation out;
  out.protocol = protocol;
  if (known != nullptr) out.dataset = known->config;
  out.backbone = backbone_of(clip);
  out.shots = shots == 0 ? "all" : std::to_string(shots);
  return out;
}

ChosenPreset apply_preset(FitOptions& options, const Situation& situation) {
  ChosenPreset chosen = choose_preset(options.method.method(), situation);
  for (const auto& [name, text] : chosen.settings) set_option(options, name, text);
  return chosen;
}

void set_shared_options(const NamedTexts& table, const std::vector<FitOptions*>& methods) {
  if (methods.empty()) return;
  for (const auto& [name, text] : table) {
    bool served = false;
    std::string all;
    for (FitOptions* one : methods) {
      all += (all.empty() ? "" : ", ") + label_of(*one);
      if (!has_option(*one, name)) continue;
      set_option(*one, name, text);
      served = true;
    }
    if (!served) refuse(name, all, *methods.front());
  }
}

}  // namespace qprompt
