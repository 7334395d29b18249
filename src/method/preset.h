// Room `method`: which published recipe a training takes.
#pragma once

#include <string>
#include <vector>

#include "method/method.h"

namespace qprompt {

/// What a recipe is looked up for.
struct Situation {
  Protocol protocol = Protocol::kBaseToNew;
  std::string dataset = "own";  ///< CoOp's name of the set: "oxford_pets"; "own": a user's folder
  std::string backbone;         ///< "ViT-B/16"
  std::string shots = "16";     ///< a number, or "all"
};

/// The settings of a training, and where they come from.
struct ChosenPreset {
  NamedTexts settings;               ///< each name once
  std::vector<std::string> sources;  ///< of the presets, without repetition
  std::string note;  ///< what to print: the source, and in what it was published for others
};

/// The published preset of the protocol, data set, backbone and shots at hand: all that hold for
/// them, the later overriding. Where none does, the nearest: another backbone or number of shots,
/// then another protocol, which the note tells. A user's own folder has the preset "own" alone.
ChosenPreset choose_preset(const Method& method, const Situation& situation);

/// "ViT-B/16", "RN50": the architecture by CLIP's names, from patch size, width and number of
/// blocks;
/// "" where CLIP has no name for it. `patch` 0: a ResNet.
std::string backbone_name(int64_t patch, int64_t width, int64_t blocks);

}  // namespace qprompt
