// Scores of predictions beside accuracy, all in percent.
#pragma once

#include <cstdint>
#include <span>

namespace qprompt {

/// The mean over the classes that occur in `truth` of F1 = 2·TP / (2·TP + FP + FN), as Dassl prints
/// it (evaluator Classification: scikit-learn's f1_score over the labels of the truth). 0 of none.
double macro_f1(std::span<const int64_t> truth, std::span<const int64_t> predictions);

/// The expected calibration error (Guo et al. 2017, §2): over `bins` equal bins (low, high] of the
/// predicted class's probability, the mean of |accuracy − confidence|, weighted by images.
double calibration_error(std::span<const float> confidences, std::span<const uint8_t> right,
                         int64_t bins = 15);

/// Test images of one half: right among its own half's classes or not, and the largest probability
/// of a base class when base and new classes are told apart together.
struct OpenScores {
  std::span<const uint8_t> right;
  std::span<const float> base_score;
};
/// OpenworldAUC (Hua et al. 2025): the share of pairs of a base and a new image where both are
/// right among their own half's classes and the base image has the higher base score; a tie counts
/// half.
double openworld_auc(const OpenScores& base, const OpenScores& fresh);

}  // namespace qprompt
