// Room `train`: options by name. What a method has no use for is refused here, for every door.
#pragma once

#include <string>
#include <vector>

#include "method/preset.h"
#include "qprompt/dataset.h"
#include "train/fit.h"

namespace qprompt {

/// Whether the method of `options` has a use for the option.
bool has_option(const FitOptions& options, const std::string& name);
/// Sets one of `fit_fields` by its name. Throws kUsage, naming option and method, when the method
/// has no use for it, and when the text is no value of it.
void set_option(FitOptions& options, const std::string& name, const std::string& text);

/// An option that some method has a use for.
struct KnownOption {
  Field field;                       ///< of the first method that has it, at its default
  std::vector<std::string> methods;  ///< labels of those that have it; empty: all have it
};
/// Every option of every method that trains, quantized or not, in the order of `fit_fields`.
std::vector<KnownOption> known_options();

/// "ViT-B/16", "RN50": the architecture by CLIP's name; "" where it has none.
std::string backbone_of(const Clip& clip);
/// The situation of a training, for `choose_preset`: the data set by CoOp's name, or "own"; the
/// backbone by CLIP's name, or "".
Situation situation_of(const Clip& clip, const Split& split, Protocol protocol, int64_t shots);
/// Sets the method's published settings for what is at hand; what is set over them comes later.
/// They are named in the result, with a note to print.
ChosenPreset apply_preset(FitOptions& options, const Situation& situation);

/// What several methods share must serve at least one of them: sets `table` where it does. Throws
/// kUsage, naming the option and the methods, where it does not.
void set_shared_options(const NamedTexts& table, const std::vector<FitOptions*>& methods);

}  // namespace qprompt
