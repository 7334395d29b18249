// The quantizer of one tensor over a training run (paper, section on the method).

#include <array>
#include <cmath>
#include <limits>

#include "base/aten.h"
#include "qprompt/quant.h"
#include "quant/impl/codes.h"
#include "quant/impl/straight_through.h"

namespace qprompt {
namespace {

using quant::Coder;
using quant::kGrain;

/// W as it is seen by the kernels: fp32, contiguous, on the CPU, without history.
at::Tensor plain(const at::Tensor& weights) {
  if (!weights.defined() || !weights.is_floating_point()) {
    fail(ErrorKind::kContent, "only a tensor of floating-point values can be quantized");
  }
  return weights.detach().to(at::kCPU, at::kFloat).contiguous();
}

std::span<const float> span_of(const at::Tensor& flat) {
  return {flat.data_ptr<float>(), static_cast<size_t>(flat.numel())};
}

/// Where normalised centres lie among the weights: at scale · c + shift.
struct Affine {
  double scale = 1, shift = 0;
  bool constant = false;  ///< all weights are equal, to `shift`
};

/// μ and σ of the present weights, at every step: between fits only they move. A constant tensor
/// has no shape to fit to; it stands for itself under every schedule, and the first fit waits.
Affine affine_of(std::span<const float> values, bool normalise) {
  const quant::Moments moments = quant::moments_of(values);
  if (moments.spread == 0) return {0, moments.mean, true};
  if (!normalise) return {};
  return {moments.deviation(), moments.mean, false};
}

Coder coder_of(const Affine& affine, const std::vector<double>& centres) {
  return affine.constant ? Coder({0}, 0, affine.shift) : Coder(centres, affine.scale, affine.shift);
}

/// W_q in the shape, dtype and place of W.
at::Tensor nearest_of(const Coder& coder, const at::Tensor& flat, const at::Tensor& weights) {
  at::Tensor out = at::empty_like(flat);
  const float* from = flat.data_ptr<float>();
  float* to = out.data_ptr<float>();
  at::parallel_for(0, flat.numel(), kGrain, [&](int64_t begin, int64_t end) {
    coder.nearest(from + begin, static_cast<size_t>(end - begin), to + begin);
  });
  return out.to(weights.options());
}

std::vector<uint8_t> codes_of(const Coder& coder, std::span<const float> values) {
  std::vector<uint8_t> codes(values.size());
  at::parallel_for(0, static_cast<int64_t>(values.size()), kGrain, [&](int64_t begin, int64_t end) {
    coder.codes(values.data() + begin, static_cast<size_t>(end - begin), codes.data() + begin);
  });
  return codes;
}

/// How often each of the K indices is used.
std::vector<double> histogram_of(const std::vector<uint8_t>& codes, size_t size) {
  // Two tables by turns: equal neighbours would otherwise wait for each other's count.
  std::array<std::array<int64_t, 256>, 2> counts{};
  for (size_t i = 0; i < codes.size(); ++i) ++counts[i % 2][codes[i]];
  std::vector<double> histogram(size);
  for (size_t k = 0; k < size; ++k) {
    histogram[k] = static_cast<double>(counts[0][k] + counts[1][k]);
  }
  return histogram;
}

/// KL(now ‖ then) in nats. In this direction an index that the weights have come to use much more
/// than the fit foresaw weighs most, and that is where the codebook has become coarse. Half a count
/// is added to every index on both sides, so that the value is finite whatever is empty, and for
/// equal histograms exactly 0.
double divergence(const std::vector<double>& now, const std::vector<double>& then) {
  double total_now = 0, total_then = 0, kl = 0;
  for (size_t k = 0; k < now.size(); ++k) {
    total_now += now[k] + 0.5;
    total_then += then[k] + 0.5;
  }
  for (size_t k = 0; k < now.size(); ++k) {
    const double p = (now[k] + 0.5) / total_now, q = (then[k] + 0.5) / total_then;
    kl += p * std::log(p / q);
  }
  return kl;
}

}  // namespace

Quantizer::Quantizer(const QuantizerOptions& options) : options_(options) {
  if (options.bits < 1 || options.bits > 8) {
    fail(ErrorKind::kUsage, options.bits, " bits; a quantizer takes 1 to 8");
  }
  if (options.interval < 1) {
    fail(ErrorKind::kUsage, "a re-clustering interval of ", options.interval,
         " steps; it must be at least 1");
  }
  if (!(options.kl_threshold >= 0)) {
    fail(ErrorKind::kUsage, "a re-clustering threshold of ", options.kl_threshold,
         " nats; it must be at least 0");
  }
}

void Quantizer::fit(std::span<const float> weights, double scale, double shift) {
  // k-means commutes with shift and scale, so the raw weights are fitted and the centres
  // normalised: the fit then sees every weight unrounded.
  centres_ = fit_codebook(weights, options_.bits).centres;
  for (double& c : centres_) c = (c - shift) / scale;
  fitted_histogram_ =
      histogram_of(codes_of(Coder(centres_, scale, shift), weights), centres_.size());
  last_fit_ = steps_;
}

void Quantizer::follow_schedule(std::span<const float> weights, double scale, double shift) {
  if (centres_.empty() || options_.schedule == Schedule::kEveryStep) {
    fit(weights, scale, shift);
    events_.push_back({steps_, std::numeric_limits<double>::quiet_NaN(), true});
    return;
  }
  // The rule of constrained adaptive clustering. A look that ends without a fit does not set the
  // clock back: t counts from the last fit, so after it every step looks until one fits.
  if (options_.schedule == Schedule::kOnce || steps_ - last_fit_ < options_.interval) return;
  const auto now = histogram_of(codes_of(Coder(centres_, scale, shift), weights), centres_.size());
  const double kl = divergence(now, fitted_histogram_);
  const bool refit = kl > options_.kl_threshold;
  if (refit) fit(weights, scale, shift);
  events_.push_back({steps_, kl, refit});
}

at::Tensor Quantizer::step(const at::Tensor& weights) {
  const at::Tensor flat = plain(weights);
  const Affine affine = affine_of(span_of(flat), options_.normalise);
  if (!affine.constant) follow_schedule(span_of(flat), affine.scale, affine.shift);
  ++steps_;
  const Coder coder = coder_of(affine, centres_);
  return quant::straight_through(weights, nearest_of(coder, flat, weights));
}

at::Tensor Quantizer::quantize(const at::Tensor& weights) {
  const at::Tensor flat = plain(weights);
  const Affine affine = affine_of(span_of(flat), options_.normalise);
  if (!affine.constant && centres_.empty()) fit(span_of(flat), affine.scale, affine.shift);
  return quant::straight_through(weights, nearest_of(coder_of(affine, centres_), flat, weights));
}

QuantizedValues Quantizer::store(const at::Tensor& weights) {
  const at::Tensor flat = plain(weights);
  const Affine affine = affine_of(span_of(flat), options_.normalise);
  if (!affine.constant && centres_.empty()) fit(span_of(flat), affine.scale, affine.shift);
  const Coder coder = coder_of(affine, centres_);
  QuantizedValues stored;
  stored.bits = options_.bits;
  stored.codes = codes_of(coder, span_of(flat));
  for (const float centre : coder.centres()) {
    stored.codebook.push_back(to_half(centre));
    if (!std::isfinite(from_half(stored.codebook.back()))) {
      fail(ErrorKind::kContent, "the centre ", centre,
           " does not fit in a 16-bit float (65504 at most): the weights have grown out of range");
    }
  }
  stored.codebook.resize(size_t{1} << options_.bits, stored.codebook.back());
  return stored;
}

QuantizedValues quantize_once(std::span<const float> values, const QuantizerOptions& options) {
  const auto count = static_cast<int64_t>(values.size());
  // from_blob wants a mutable pointer; nothing writes through it.
  return Quantizer(options).store(at::from_blob(const_cast<float*>(values.data()), {count}));
}

}  // namespace qprompt
