// What a training minimises: a list of terms in groups, and a rule that makes one gradient of the
// groups' gradients. One file a term or a rule; the tables are in objective.cpp. Private to the
// room.
#pragma once

#include <ATen/core/Tensor.h>

#include <string>
#include <vector>

#include "method/method.h"

namespace qprompt::train {

/// What the terms of one step read. Rows of features have length one.
struct TermInput {
  at::Tensor logits;         ///< (B, C), τ·cos(image, class)
  at::Tensor labels;         ///< (B) int64
  at::Tensor image;          ///< (B, E)
  at::Tensor text;           ///< (C, E)
  at::Tensor teacher_image;  ///< (B, E), of the frozen CLIP; undefined unless a term reads it
  at::Tensor teacher_text;   ///< (C, E), of the frozen CLIP; undefined unless a term reads it
  double logit_scale = 1;    ///< τ
};

/// A differentiable 0-d tensor, a mean over what it compares.
using TermFunction = at::Tensor (*)(const TermInput&);

struct Term {
  std::string word;
  TermFunction value = nullptr;
  bool reads_teacher_image = false, reads_teacher_text = false;
};
/// Throws kUsage listing the words.
const Term& find_term(const std::string& word);

/// One gradient a learned tensor, of those of each group.
using Gradients = std::vector<at::Tensor>;
using GradientRule = Gradients (*)(const std::vector<Gradients>& by_group, double strength);
/// Throws kUsage listing the words.
GradientRule find_gradient_rule(const std::string& word);

/// An objective whose words are looked up and whose weights are numbers.
struct Objective {
  struct Weighted {
    Term term;
    double weight = 1;
  };
  std::vector<std::vector<Weighted>> groups;  ///< never empty, nor is any of them
  GradientRule rule = nullptr;
  double strength = 1;  ///< of the rule, where it has one

  bool reads_teacher_image() const;
  bool reads_teacher_text() const;
};
/// That of the method's row. A weight is a number or names an option; the rule's strength is the
/// option of the rule's own word, where there is one. Throws kUsage on an unknown word, on a weight
/// that is neither, and on a group without terms.
Objective make_objective(const MethodOptions& options);

/// Σ weight·term of one group, a 0-d tensor.
at::Tensor group_loss(const std::vector<Objective::Weighted>& group, const TermInput& input);

// The terms.
at::Tensor cross_entropy_term(const TermInput& input);
at::Tensor kl_term(const TermInput& input);
at::Tensor kl_elements_term(const TermInput& input);
at::Tensor l1_image_term(const TermInput& input);
at::Tensor l1_text_term(const TermInput& input);
at::Tensor cosine_text_term(const TermInput& input);

// The rules.
Gradients sum_rule(const std::vector<Gradients>& by_group, double strength);
Gradients project_rule(const std::vector<Gradients>& by_group, double strength);

}  // namespace qprompt::train
