// Digests of what cells train on and are scored on. Private to the room.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "experiment/cell.h"

namespace qprompt {

/// Fills in the digests of lists, each list looked at once. What files hold is kept by the feature
/// cache, so that a file is read again only when it has changed.
class ListDigests {
 public:
  explicit ListDigests(const FeatureOptions& features) : features_(features) {}
  void fill(Cell& cell);

 private:
  /// Of one of a split's lists.
  const std::string& of(const std::shared_ptr<const Split>& split, std::vector<Item> Split::*list);

  FeatureOptions features_;
  struct Known {
    std::shared_ptr<const Split> split;  ///< held, so that its address stays its own
    std::string digest;
  };
  std::map<std::pair<const Split*, const std::vector<Item>*>, Known> known_;
};

}  // namespace qprompt
