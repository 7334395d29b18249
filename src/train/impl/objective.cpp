#include "train/impl/objective.h"

#include <charconv>
#include <cmath>

#include "base/aten.h"

namespace qprompt::train {
namespace {

const std::vector<Term>& term_table() {
  static const std::vector<Term> kTerms = {
      {"cross-entropy", &cross_entropy_term},
      {"kl", &kl_term, true, true},
      {"kl-elements", &kl_elements_term, true, true},
      {"l1-image", &l1_image_term, true, false},
      {"l1-text", &l1_text_term, false, true},
      {"cosine-text", &cosine_text_term, false, true},
  };
  return kTerms;
}

struct NamedRule {
  std::string word;
  GradientRule rule;
};
const std::vector<NamedRule>& rule_table() {
  static const std::vector<NamedRule> kRules = {{"sum", &sum_rule}, {"project", &project_rule}};
  return kRules;
}

template <class Row>
const Row& row_of(const std::vector<Row>& table, const std::string& word, const char* what) {
  std::string words;
  for (const Row& row : table) {
    if (row.word == word) return row;
    words += (words.empty() ? "" : ", ") + row.word;
  }
  fail(ErrorKind::kUsage, "'", word, "' is no ", what, "; there are: ", words);
}

double weight_of(const MethodOptions& options, const TermUse& use) {
  if (options.has(use.weight)) return options.number(use.weight);
  double weight = 0;
  const char* end = use.weight.data() + use.weight.size();
  const auto [stop, error] = std::from_chars(use.weight.data(), end, weight);
  if (error != std::errc() || stop != end || !std::isfinite(weight)) {
    fail(ErrorKind::kUsage, "the method '", options.method().word, "': the weight of the term '",
         use.term, "' is '", use.weight, "', a number or one of its options expected");
  }
  return weight;
}

bool any_term(const Objective& objective, bool Term::*reads) {
  for (const auto& group : objective.groups) {
    for (const Objective::Weighted& weighted : group) {
      if (weighted.term.*reads) return true;
    }
  }
  return false;
}

}  // namespace

const Term& find_term(const std::string& word) {
  return row_of(term_table(), word, "term of an objective");
}

GradientRule find_gradient_rule(const std::string& word) {
  return row_of(rule_table(), word, "rule for gradients").rule;
}

bool Objective::reads_teacher_image() const { return any_term(*this, &Term::reads_teacher_image); }
bool Objective::reads_teacher_text() const { return any_term(*this, &Term::reads_teacher_text); }

Objective make_objective(const MethodOptions& options) {
  const Method& row = options.method();
  const auto refuse = [&](const auto&... what) {
    fail(ErrorKind::kUsage, "the method '", row.word, "': ", what...);
  };
  Objective objective;
  objective.rule = find_gradient_rule(row.gradient_rule);
  if (options.has(row.gradient_rule)) objective.strength = options.number(row.gradient_rule);
  for (const TermUse& use : row.objective) {
    if (use.group < 0 || use.group >= static_cast<int>(row.objective.size())) {
      refuse("the term '", use.term, "' is in group ", use.group,
             "; groups are numbered from 0, without a gap");
    }
    const auto group = static_cast<size_t>(use.group);
    if (objective.groups.size() <= group) objective.groups.resize(group + 1);
    objective.groups[group].push_back({find_term(use.term), weight_of(options, use)});
  }
  if (objective.groups.empty()) refuse("an objective without terms");
  for (const auto& group : objective.groups) {
    if (group.empty()) refuse("its objective has a group without terms");
  }
  return objective;
}

at::Tensor group_loss(const std::vector<Objective::Weighted>& group, const TermInput& input) {
  at::Tensor total;  // ()
  for (const auto& [term, weight] : group) {
    const at::Tensor value = weight == 1 ? term.value(input) : weight * term.value(input);  // ()
    total = total.defined() ? total + value : value;
  }
  return total;
}

}  // namespace qprompt::train
