#include "engine/grouped_pass.h"

#include <limits>

#include <torch/csrc/autograd/autograd.h>
#include <torch/csrc/autograd/custom_function.h>
#include <torch/custom_class.h>

#include "base/aten.h"

namespace qprompt::engine {
namespace {

constexpr int64_t kMostGroups = std::numeric_limits<int64_t>::max();

/// Calls f(g) for every group, at most `at_once` of them at a time. Threads go to groups where
/// these are enough for them, rather than into their products: groups are whole sub-problems, so
/// threads meet once a pass and not twenty times a block.
void for_groups(size_t count, int64_t at_once, const std::function<void(size_t)>& f) {
  const auto groups = static_cast<int64_t>(count);
  if (groups == 1 || at::get_num_threads() > std::min(groups, at_once)) {
    for (size_t g = 0; g < count; ++g) f(g);
    return;
  }
  const bool graph = at::GradMode::is_enabled();
  at::parallel_for(0, groups, 1, [&](int64_t begin, int64_t end) {
    const at::AutoGradMode same(graph);  // the mode is each thread's own
    for (int64_t g = begin; g < end; ++g) f(static_cast<size_t>(g));
  });
}

/// A pass with a graph of its own for each group.
struct Pass : torch::CustomClassHolder {
  std::vector<Group> groups;
  RunGroup run;
  bool keep = false;
  std::vector<at::Tensor> learned,
      features;  // of each group; undefined where it is to be run again
  int64_t at_once() const { return keep ? kMostGroups : kGroupsAtOnce; }
};

/// The gradient of the learned rows that one group contributes.
at::Tensor group_gradient(Pass& pass, size_t g, const at::Tensor& learned, const at::Tensor& grad) {
  const at::AutoGradMode with_graph(true);
  const Group& group = pass.groups[g];
  const at::Tensor part = grad.narrow(0, group.first, group.size());  // (items of the group, E)
  if (pass.features[g].defined()) {
    const at::Tensor features = std::move(pass.features[g]);
    pass.features[g].reset();
    return torch::autograd::grad({features}, {pass.learned[g]}, {part})[0];
  }
  const at::Tensor leaf = learned.detach().requires_grad_();
  return torch::autograd::grad({pass.run(group, leaf)}, {leaf}, {part})[0];
}

struct GroupedPass : torch::autograd::Function<GroupedPass> {
  using Context = torch::autograd::AutogradContext;
  using Variables = torch::autograd::variable_list;

  static at::Tensor forward(Context* context, const at::Tensor& learned,
                            const c10::intrusive_ptr<Pass>& pass) {
    context->saved_data["pass"] = c10::IValue::make_capsule(pass);
    context->save_for_backward({learned});
    pass->learned.resize(pass->groups.size());
    pass->features.resize(pass->groups.size());
    if (!pass->keep) return run_groups(pass->groups, pass->run, learned.detach());
    const at::AutoGradMode with_graph(true);
    for_groups(pass->groups.size(), pass->at_once(), [&](size_t g) {
      pass->learned[g] = learned.detach().requires_grad_();
      pass->features[g] = pass->run(pass->groups[g], pass->learned[g]);
    });
    const at::NoGradGuard no_grad;
    return at::cat(pass->features, 0);
  }

  static Variables backward(Context* context, Variables grads) {
    const auto holder = context->saved_data["pass"].toCapsule();
    Pass& pass = static_cast<Pass&>(*holder);
    const at::Tensor learned = context->get_saved_variables()[0];
    std::vector<at::Tensor> parts(pass.groups.size());
    for_groups(pass.groups.size(), pass.at_once(),
               [&](size_t g) { parts[g] = group_gradient(pass, g, learned, grads[0]); });
    at::Tensor total = parts[0];
    for (size_t g = 1; g < parts.size(); ++g) total = total + parts[g];
    return {total, at::Tensor()};
  }
};

}  // namespace

std::vector<Group> group_items(int64_t total, int64_t each) {
  std::vector<Group> groups;
  for (int64_t first = 0; first < total; first += each) {
    groups.push_back({first, std::min(first + each, total)});
  }
  return groups;
}

at::Tensor run_groups(const std::vector<Group>& groups, const RunGroup& run,
                      const at::Tensor& learned) {
  std::vector<at::Tensor> features(groups.size());  // (items of the group, E)
  for_groups(groups.size(), kMostGroups, [&](size_t g) { features[g] = run(groups[g], learned); });
  return features.size() == 1 ? features[0] : at::cat(features, 0);
}

at::Tensor run_groups_with_graph(const std::vector<Group>& groups, const RunGroup& run,
                                 const at::Tensor& learned, bool keep) {
  auto pass = c10::make_intrusive<Pass>();
  pass->groups = groups;
  pass->run = run;
  pass->keep = keep;
  return GroupedPass::apply(learned, pass);
}

}  // namespace qprompt::engine
