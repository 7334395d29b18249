// Prompts as the public trainers save them: CoOp, CoCoOp, KgCoOp, ProGrad, MaPLe, PromptSRC, and
// the IVLP and VPT baselines of MaPLe's repository.
#pragma once

#include <ATen/core/Tensor.h>

#include <optional>
#include <string>
#include <vector>

#include "qprompt/artifact.h"

namespace qprompt {

/// A checkpoint's learned tensors by the names and in the order of the `.qprompt` file
/// (docs/artifact.md), and what else it tells.
struct TrainerCheckpoint {
  struct Learned {
    std::string name;    ///< "proj.0.weight"
    std::string source;  ///< as the trainer called it
    at::Tensor values;   ///< in the file's own floating type
  };
  std::string method;     ///< its word
  MethodOptions options;  ///< as its tensors tell them
  std::string trainer;    ///< as it was said; "auto": nobody said it
  std::vector<Learned> tensors;
  bool class_specific = false;
  int64_t depth = 1;                 ///< J
  int64_t n_ctx = 0;                 ///< M
  int64_t width = 0;                 ///< D; 0 where no text is learned
  at::Tensor token_prefix;           ///< (C, 1, D), embeddings of the start token, or undefined
  at::Tensor token_suffix;           ///< (C, L - 1 - M, D), of what follows the context
  std::vector<std::string> unknown;  ///< tensors that nothing is known about
  int64_t epoch = -1;                ///< -1: not said
};

/// Names of --method: what the trainer was. "auto" comes first.
const std::vector<std::string>& trainer_names();
/// The trainer of a log's TRAINER.NAME, as --method spells it; empty when unknown.
std::string trainer_of_log(const std::string& name);

/// Reads a checkpoint and tells the method from its tensors; `trainer` (one of trainer_names) says
/// which to expect. Derived and frozen tensors are left out. Throws kPath, kContent (damaged,
/// hostile, no prompt, tensors missing) and kUsage when `trainer` is not what the file holds.
TrainerCheckpoint read_trainer_checkpoint(const std::string& path, const std::string& trainer);

}  // namespace qprompt
