#include "method/preset.h"

#include <algorithm>
#include <functional>

namespace qprompt {
namespace {

using Holds = std::function<bool(const Preset&)>;

bool fits(const std::string& asked, const std::string& at_hand) {
  return asked.empty() || asked == at_hand;
}

std::vector<const Preset*> those(const Method& method, const Holds& holds) {
  std::vector<const Preset*> out;
  for (const Preset& preset : method.presets) {
    if (holds(preset)) out.push_back(&preset);
  }
  return out;
}

void set(NamedTexts& settings, const std::string& name, const std::string& text) {
  const auto found = std::find_if(settings.begin(), settings.end(),
                                  [&](const auto& setting) { return setting.first == name; });
  if (found == settings.end()) {
    settings.emplace_back(name, text);
  } else {
    found->second = text;
  }
}

}  // namespace

ChosenPreset choose_preset(const Method& method, const Situation& at_hand) {
  const std::string& protocol = protocols().at(static_cast<size_t>(at_hand.protocol));
  const bool own = at_hand.dataset == "own";
  const auto set_fits = [&](const Preset& p) {
    return own ? p.dataset == "own" : p.dataset != "own" && fits(p.dataset, at_hand.dataset);
  };
  const auto protocol_fits = [&](const Preset& p) { return own || fits(p.protocol, protocol); };
  const Holds levels[] = {
      [&](const Preset& p) {
        return set_fits(p) && protocol_fits(p) && fits(p.backbone, at_hand.backbone) &&
               fits(p.shots, at_hand.shots);
      },
      [&](const Preset& p) { return set_fits(p) && protocol_fits(p); },
      [&](const Preset& p) { return set_fits(p) && p.protocol == "base-to-new"; }};
  const char* nearness[] = {"", "for another backbone or number of shots", "for base-to-new"};
  ChosenPreset chosen;
  for (size_t level = 0; level < 3; ++level) {
    for (const Preset* preset : those(method, levels[level])) {
      for (const auto& [name, text] : preset->settings) set(chosen.settings, name, text);
      const auto& known = chosen.sources;
      if (std::find(known.begin(), known.end(), preset->source) == known.end()) {
        chosen.sources.push_back(preset->source);
      }
    }
    if (chosen.sources.empty()) continue;
    std::string from;
    for (const std::string& source : chosen.sources) from += (from.empty() ? "" : "; ") + source;
    chosen.note = cat("settings of ", method.label, ": ", from);
    if (level > 0) chosen.note += cat(" (published ", nearness[level], ", the nearest there is)");
    return chosen;
  }
  chosen.note =
      cat(method.label, " has no published settings for this; the program's own are taken");
  return chosen;
}

std::string backbone_name(int64_t patch, int64_t width, int64_t blocks) {
  if (patch == 16 && width == 768 && blocks == 12) return "ViT-B/16";
  if (patch == 32 && width == 768 && blocks == 12) return "ViT-B/32";
  if (patch == 14 && width == 1024 && blocks == 24) return "ViT-L/14";
  return "";
}

}  // namespace qprompt
