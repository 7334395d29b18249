// One pass of a tower cut into groups (of classes, of images) that each have a graph of their own.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <functional>
#include <vector>

namespace qprompt::engine {

/// Consecutive items [first, last): classes or images.
struct Group {
  int64_t first = 0, last = 0;
  int64_t size() const { return last - first; }
};

/// Groups that a pass without kept graphs has in memory at a time. How items are cut into groups
/// must not depend on threads: gradients are summed group by group, in order.
constexpr int64_t kGroupsAtOnce = 2;

/// `total` items in groups of `each`.
std::vector<Group> group_items(int64_t total, int64_t each);

/// What a tower makes of one group and the learned rows: features (items of the group, E),
/// differentiable in the learned rows.
using RunGroup = std::function<at::Tensor(const Group& group, const at::Tensor& learned)>;

/// Features (all items, E) without a graph.
at::Tensor run_groups(const std::vector<Group>& groups, const RunGroup& run,
                      const at::Tensor& learned);

/// Features (all items, E), differentiable in `learned`. With `keep`, each group's graph waits for
/// the way back; without, the groups are run without one, and once more, one by one, on the way
/// back: memory is bounded by the `kGroupsAtOnce` groups that run at a time. Gradients are exact,
/// since items meet only behind their features.
at::Tensor run_groups_with_graph(const std::vector<Group>& groups, const RunGroup& run,
                                 const at::Tensor& learned, bool keep);

}  // namespace qprompt::engine
