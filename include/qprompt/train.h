// Room `train`: loss, optimizer, schedule, loop, resume.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "method/method.h"
#include "qprompt/artifact.h"
#include "qprompt/base.h"
#include "qprompt/clip.h"
#include "qprompt/dataset.h"
#include "qprompt/features.h"
#include "learner/learner.h"
#include "qprompt/quant.h"

namespace qprompt {

/// Where an interrupted run goes on from. `key` digests everything that decides the result; a
/// checkpoint with another key is refused (kContent), since it belongs to another run.
struct Resume {
  std::string path;  ///< empty: no checkpoints
  std::string key;
};

/// A run between two epochs, in the order of the learner's parameters. The tensors are copies.
struct TrainSnapshot {
  int64_t epoch = 0;                  ///< finished epochs
  std::vector<StoredTensor> tensors;  ///< as they would be stored now
  std::vector<at::Tensor> values;     ///< float32 as they are trained: clean, not quantized
};

/// The recipe (CoOp's configs; facts of Dassl's optimizer and scheduler).
struct TrainOptions {
  int64_t epochs = 50;
  int64_t batch = 32;  ///< images a step; the last, smaller batch is dropped
  double learning_rate = 0.002;
  double momentum = 0.9;
  double weight_decay = 5e-4;
  int64_t warmup_epochs = 1;  ///< at `warmup_rate`, constant
  double warmup_rate = 1e-5;
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
  double checkpoint_seconds = 10;  ///< least time between checkpoints; 0: one after every epoch
  /// Called before the first epoch of this process and after every epoch; unset: nothing. It
  /// changes no byte of the result and is not part of a run's key.
  std::function<void(const TrainSnapshot&)> observe;
};
/// Names: epochs, batch, lr, momentum, weight-decay, warmup-epochs, warmup-lr, noise, class-chunk,
/// memory, quantized-tensors, plain-bits, checkpoint-seconds; the quantizer's and the seed come
/// from elsewhere.
Fields train_fields(TrainOptions& options);

/// Learning rate of epoch e = 0 … epochs − 1: constant warm-up, then cosine as Dassl steps it.
double learning_rate_at(const TrainOptions& options, int64_t epoch);

/// What to learn from: features (V, N, E), not normalised, of which epoch e reads view e mod V; or
/// pixels, for a learner that prompts images.
struct TrainingData {
  at::Tensor features;          ///< (V, N, E) float32; undefined where pixels are read
  std::vector<int64_t> labels;  ///< N, each below the learner's number of classes
  /// Items of the list and an epoch → normalised pixels (B, 3, R, R).
  std::function<at::Tensor(const std::vector<int64_t>& items, int64_t epoch)> pixels;
};

/// One epoch of the record.
struct EpochRecord {
  double learning_rate = 0, loss = 0;
};
struct TensorEvents {
  std::string tensor;
  std::vector<ReclusterEvent> events;
};
/// What a run leaves behind: stored tensors in the learner's order, and how it went.
struct TrainResult {
  std::vector<StoredTensor> tensors;
  std::vector<EpochRecord> epochs;
  std::vector<TensorEvents> reclusterings;
  int64_t steps = 0;
  int64_t class_chunk = 0;    ///< classes at a time, as given or chosen; C: all at once
  int64_t image_chunk = 0;    ///< images at a time where the image tower learns; 0 where not
  int64_t resumed_epoch = 0;  ///< epochs that came from a checkpoint
  double train_seconds = 0;   ///< of this process
};

/// Learns the learner's tensors by SGD on the cross-entropy of τ·cos(image, class). Deterministic:
/// same inputs, threads and machine give the same bytes, interrupted or not. Throws kContent when
/// the loss stops being finite.
TrainResult train_prompt(const Clip& clip, const Learner& learner, const TrainingData& data,
                         const TrainOptions& options, Log& log);

/// The loss of one batch: mean cross-entropy of τ·cos(image, class) against the labels, a 0-d
/// tensor, differentiable in `prompts.learned` and in `image` (B, E), which is normalised; `labels`
/// (B) int64; `class_chunk` as for `Clip::encode_text`.
at::Tensor prompt_loss(const Clip& clip, const PackedPrompts& prompts, const at::Tensor& image,
                       const at::Tensor& labels, int64_t class_chunk = 0);

/// A whole run, from images to a file.
struct FitOptions {
  TrainOptions train;
  MethodOptions method;
  FeatureOptions features;
  /// V augmented views an image, epoch e reading view e mod V; 0: the test view.
  int64_t views = 0;
  int64_t pixel_memory_mb = 2048;  ///< for decoded images where the image tower learns, MiB
  int64_t shots = 0;               ///< for the record: how `split` was drawn; 0: all images
  Half half = Half::kAll;          ///< for the record: what `split` was cut to
  std::string device = "cpu", dtype = "float32";  ///< of the CLIP, for the record
  std::string out;  ///< folder for prompt.qprompt, run.json, checkpoint; empty: write nothing
  /// Writes the classes' names into the file, so that it needs no labels. A prompt that is bound to
  /// its classes has them anyway.
  bool store_class_names = true;
  bool keep_finished = false;  ///< take a finished run of the same settings from `out` as it is
  /// As `train.observe`, with the prompt that would be written now.
  std::function<void(const TrainSnapshot&, const TrainedPrompt&)> observe;
};
/// Every option that the method has a use for: those of its row, of training, views, of the
/// quantizer where values are quantized and pixel-memory where pixels are read.
Fields fit_fields(FitOptions& options);

struct FitResult {
  TrainedPrompt prompt;  ///< read back from the bytes that were written
  std::string path;      ///< of the prompt; empty when nothing was written
  int64_t file_bytes = 0;
  double seconds = 0;  ///< features and training
  bool kept = false;   ///< a finished run was taken as it is
};
/// Learns a prompt on `split.train` and writes it with its run record (`run.json`). `split` is
/// already drawn and cut. Resumes from `out` after a kill. Throws kContent on fewer than two
/// classes.
FitResult fit_prompt(const Clip& clip, const Split& split, const FitOptions& options, Log& log);

}  // namespace qprompt
