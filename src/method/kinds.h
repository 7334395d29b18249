// Room `method`: the small kinds that several rooms speak of, each with its words.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace qprompt {

/// Where the class name stands among the context rows (CoOp, CLASS_TOKEN_POSITION). Stored.
enum class ClassPosition : uint8_t { kEnd = 0, kMiddle = 1, kFront = 2 };

/// Which of a data set's classes: all, the base half or the new half (CoCoOp, §4.1). Stored.
enum class ClassSubset : uint8_t { kAll = 0, kBase = 1, kNew = 2 };

/// The field's four ways of measuring a prompt: train on the base half and test both halves; train
/// on K images a class and test all classes; train on one data set and test others, or shifted
/// versions of itself.
enum class Protocol : uint8_t { kBaseToNew, kFewShot, kCrossDataset, kDomain };

/// When values are quantized: never, at every training step, or once after training.
enum class Quantization : uint8_t { kNone, kAware, kPostTraining };

/// What a method reads of a training image, and so what of it can be cached.
enum class Reads : uint8_t {
  kFeatures,          ///< features in the joint space (E)
  kBeforeProjection,  ///< the image tower's last state before its projection
  kRowsAt,            ///< rows before some block
  kPixels             ///< the image itself, since something is learned in the tower
};

/// How a learned classifier meets classes that it never saw. Stored.
enum class Unseen : uint8_t {
  kMeets = 0,     ///< as the others: their names become texts
  kOwnRule = 1,   ///< the learner's head has another rule for them
  kZeroShot = 2,  ///< by the hand-written templates
  kRefused = 3    ///< not at all: it is bound to the classes of its training
};

/// What the initial words are to a prompt once it is learned.
enum class Words : uint8_t {
  kNone,    ///< there are none
  kStart,   ///< where the learned rows began, and no more
  kBehind,  ///< learned rows took the place of the first; the others stay, and belong to it
  kAll      ///< all of them stay
};

/// The words of an enum, by its value: "end", "middle", "front"; "all", "base", "new"; …
const std::vector<std::string>& class_positions();
const std::vector<std::string>& class_subsets();
const std::vector<std::string>& protocols();
const std::vector<std::string>& quantizations();
const std::vector<std::string>& unseen_rules();

/// "end", "middle" or "front".
const std::string& position_name(ClassPosition position);
/// "all", "base" or "new".
const std::string& subset_name(ClassSubset subset);

}  // namespace qprompt
