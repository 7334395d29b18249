// The settings of a training: optimizer, schedule, selection, quantization.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/observer.h"
#include "method/method.h"
#include "qprompt/base.h"
#include "qprompt/quant.h"

namespace qprompt {

/// Where an interrupted run goes on from. `key` digests everything that decides the result; a
/// checkpoint with another key is refused (kContent), since it belongs to another run.
struct Resume {
  std::string path;  ///< empty: no checkpoints
  std::string key;
};

enum class OptimizerKind { kSgd, kAdam, kAdamW };
/// Defaults are Dassl's, torch's names in brackets. The decay is a part of the gradient for SGD and
/// Adam (L2), apart from it for AdamW.
struct OptimizerOptions {
  OptimizerKind kind = OptimizerKind::kSgd;
  double weight_decay = 5e-4;
  double momentum = 0.9;              ///< SGD
  double beta1 = 0.9, beta2 = 0.999;  ///< Adam, AdamW
  double epsilon = 1e-8;              ///< Adam, AdamW [eps]
};

enum class RateChange { kEpoch, kStep };
/// Which state of the run is stored: the last, or that of the epoch which classifies the validation
/// images best as it would be stored; of several, the earliest.
enum class Selection { kLast, kValidation };

/// The recipe (CoOp's configs; facts of Dassl's optimizer and scheduler).
struct TrainOptions {
  int64_t epochs = 50;
  int64_t batch = 32;  ///< images a step; the last, smaller batch is dropped
  double learning_rate = 0.002;
  std::string tensor_rates;  ///< "proj=0.001,meta=0.01": base rates of single tensors; empty: none
  OptimizerOptions optimizer;
  RateChange rate_change = RateChange::kEpoch;  ///< when the cosine moves on
  int64_t warmup_epochs = 1;                    ///< at `warmup_rate`, constant; 0: no warm-up
  double warmup_rate = 1e-5;
  Selection selection = Selection::kLast;
  Quantization quantization = Quantization::kAware;
  QuantizerOptions quantizer;
  double noise = 0;  ///< s: N(0, s²) is added to what a step uses (paper, section 3); 0: none
  int64_t class_chunk = 0;   ///< classes whose activations are kept at a time; 0: as memory allows
  int64_t memory_mb = 1024;  ///< what activations may take where chunks are chosen, MiB
  /// Which tensors are quantized: names with commas, a name standing for all that begin with it and
  /// a dot; empty: all but biases (as the paper counts).
  std::string quantized_tensors;
  int64_t plain_bits = 16;  ///< 16 or 32: how unquantized values are stored
  uint64_t seed = 1;
  Resume resume;
  double checkpoint_seconds = 10;  ///< the most work that a kill loses; 0: a checkpoint every step
  Observer* observer = nullptr;    ///< asked after every step; decides no byte of the result
};
/// One field an option; the quantizer's and the seed come from elsewhere, the objective from the
/// method's row.
Fields train_fields(TrainOptions& options);
/// Throws kUsage on an option that has no use beside the others, naming both.
void check_options(const TrainOptions& options);

/// The learning rate after `epoch` epochs, a fraction where the rate changes with the step:
/// constant warm-up, then cosine as Dassl steps it, from `base`.
double learning_rate_at(const TrainOptions& options, double base, double epoch);

}  // namespace qprompt
