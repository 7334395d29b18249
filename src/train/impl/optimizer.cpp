#include "train/impl/optimizer.h"

#include <charconv>
#include <cmath>
#include <sstream>

#include "base/aten.h"

namespace qprompt::train {
namespace {

/// Kingma and Ba, algorithm 1, on a gradient that has its decay already.
void adam_update(const OptimizerOptions& options, const StepSize& step, const at::Tensor& gradient,
                 at::Tensor& value, Moments& moments) {
  const double steps = static_cast<double>(step.number);
  moments.first.mul_(options.beta1).add_(gradient, 1 - options.beta1);
  moments.second.mul_(options.beta2).addcmul_(gradient, gradient, 1 - options.beta2);
  const double first_bias = 1 - std::pow(options.beta1, steps);
  const double second_bias = 1 - std::pow(options.beta2, steps);
  const at::Tensor denominator =
      moments.second.sqrt().div_(std::sqrt(second_bias)).add_(options.epsilon);  // as `value`
  value.addcdiv_(moments.first, denominator, -step.rate / first_bias);
}

double parse_rate(const std::string& text, const std::string& entry) {
  double rate = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), rate);
  if (error != std::errc() || end != text.data() + text.size() || !(rate >= 0 && rate <= 1e6)) {
    fail(ErrorKind::kUsage, "tensor-lr: '", entry, "' is not NAME=RATE with a rate from 0 to 1e6");
  }
  return rate;
}

}  // namespace

Moments zero_moments(const OptimizerOptions& options, const at::Tensor& value) {
  Moments moments{at::zeros_like(value), {}};
  if (options.kind != OptimizerKind::kSgd) moments.second = at::zeros_like(value);
  return moments;
}

void optimizer_step(const OptimizerOptions& options, const StepSize& step,
                    const at::Tensor& gradient, at::Tensor& value, Moments& moments) {
  if (options.kind == OptimizerKind::kAdamW) {
    value.mul_(1 - step.rate * options.weight_decay);
    return adam_update(options, step, gradient, value, moments);
  }
  const at::Tensor decayed = gradient + options.weight_decay * value;  // as `value`
  if (options.kind == OptimizerKind::kAdam) {
    return adam_update(options, step, decayed, value, moments);
  }
  // No dampening (torch.optim.SGD).
  moments.first.mul_(options.momentum).add_(decayed);
  value.add_(moments.first, -step.rate);
}

std::vector<double> tensor_rates(const std::vector<ParameterSpec>& specs, double rate,
                                 const std::string& text) {
  std::vector<double> rates(specs.size(), rate);
  std::istringstream list(text);
  for (std::string entry; std::getline(list, entry, ',');) {
    const size_t equals = entry.find('=');
    const std::string name = entry.substr(0, equals);
    const double own = parse_rate(equals == entry.npos ? "" : entry.substr(equals + 1), entry);
    bool found = false;
    std::string all;
    for (size_t i = 0; i < specs.size(); ++i) {
      all += (all.empty() ? "" : ", ") + specs[i].name;
      if (specs[i].name != name && specs[i].name.rfind(name + ".", 0) != 0) continue;
      rates[i] = own;
      found = true;
    }
    if (!found) {
      fail(ErrorKind::kUsage, "tensor-lr: '", name, "' is no tensor of this method; it has: ", all);
    }
  }
  return rates;
}

}  // namespace qprompt::train
