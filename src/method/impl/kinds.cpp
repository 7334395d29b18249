#include "method/kinds.h"

namespace qprompt {

using Names = std::vector<std::string>;

const Names& class_positions() {
  static const Names kNames = {"end", "middle", "front"};
  return kNames;
}

const Names& class_subsets() {
  static const Names kNames = {"all", "base", "new"};
  return kNames;
}

const Names& protocols() {
  static const Names kNames = {"base-to-new", "few-shot", "cross-dataset", "domain"};
  return kNames;
}

const Names& quantizations() {
  static const Names kNames = {"none", "aware", "post-training"};
  return kNames;
}

const Names& unseen_rules() {
  static const Names kNames = {"as the others", "by a rule of their own", "zero-shot", "refused"};
  return kNames;
}

const std::string& position_name(ClassPosition position) {
  return class_positions().at(static_cast<size_t>(position));
}

const std::string& subset_name(ClassSubset subset) {
  return class_subsets().at(static_cast<size_t>(subset));
}

}  // namespace qprompt
