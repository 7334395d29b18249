// Room `quant`: k-means codebooks, straight-through quantization, re-clustering, bit packing.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "qprompt/base.h"

namespace at {
class Tensor;
}

namespace qprompt {

enum class Schedule { kEveryStep, kOnce, kAdaptive };

/// One quantizer (paper, section "method"; `docs/method.md`). Defaults: the ablation there.
struct QuantizerOptions {
  int64_t bits = 1;                         ///< b, 1 to 8
  bool normalise = true;                    ///< work on (W − μ) / σ
  Schedule schedule = Schedule::kAdaptive;  ///< when centres are fitted again
  int64_t interval = 50;                    ///< t: least steps between fits (adaptive)
  double kl_threshold = 0.01;               ///< T_KL: re-fit only above it (adaptive), nats
};
/// Names: bits, normalise, schedule, recluster-interval, recluster-kl.
Fields quantizer_fields(QuantizerOptions& options);

/// K ≤ 2^b ascending centres; `inertia` is Σ (x − nearest centre)².
struct Codebook {
  std::vector<double> centres;
  double inertia = 0;
};
/// The optimal 1-D k-means: exact dynamic programming on sorted values; for large N on a fine
/// histogram, then within 0.001 % of the optimum to 4 bits and 0.05 % to 8. Fewer than 2^b distinct
/// values give one centre each. The order of the values does not matter. Throws kContent on NaN,
/// infinity or an empty input.
Codebook fit_codebook(std::span<const float> values, int64_t bits);
/// Index of the nearest centre of each value; ties go to the lower centre.
std::vector<uint8_t> nearest_codes(std::span<const float> values,
                                   const std::vector<double>& centres);

/// A tensor as it is stored: N codes and K = 2^bits centres, already denormalised (σc + μ) and
/// rounded to fp16 (their bits).
struct QuantizedValues {
  int64_t bits = 1;
  std::vector<uint8_t> codes;      ///< N, each < K
  std::vector<uint16_t> codebook;  ///< K = 2^bits halves, ascending; unused ones repeat the last
};

/// A re-clustering that happened or was considered, for run records.
struct ReclusterEvent {
  int64_t step = 0;
  double kl = 0;  ///< NaN for the first fit and for `every_step`
  bool refitted = false;
};

/// The quantizer of one tensor over a training run. μ and σ (population) are those of the present
/// weights at every step; between fits only they move. A constant tensor stands for itself under
/// every schedule, and the first fit waits until the values differ.
class Quantizer {
 public:
  explicit Quantizer(const QuantizerOptions& options);
  /// The next training step: re-fits when the schedule says so, and returns W_q, shaped as W.
  /// Straight-through: the gradient of W_q passes to W unchanged. Throws kContent on NaN, infinity.
  at::Tensor step(const at::Tensor& weights);
  /// Codes and fp16 centres of `weights` under the present centres (fitted now if there are none).
  QuantizedValues store(const at::Tensor& weights);
  /// W_q as `step` would give it, without advancing or re-fitting; fits when there are no centres.
  at::Tensor quantize(const at::Tensor& weights);

  const std::vector<ReclusterEvent>& events() const { return events_; }
  /// Everything a resumed run needs, as bytes, and back; throws kContent on other bytes.
  std::string save_state() const;
  void load_state(const std::string& bytes);

 private:
  void fit(std::span<const float> weights, double scale, double shift);
  void follow_schedule(std::span<const float> weights, double scale, double shift);
  QuantizerOptions options_;
  std::vector<double> centres_;           ///< in normalised space, ascending
  std::vector<double> fitted_histogram_;  ///< K: how often each index was used at the last fit
  int64_t steps_ = 0;
  int64_t last_fit_ = -1;
  std::vector<ReclusterEvent> events_;
};

/// Post-training quantization: the same code called once.
QuantizedValues quantize_once(std::span<const float> values, const QuantizerOptions& options);
/// The values that codes and codebook stand for, as scores use them.
std::vector<float> dequantize(const QuantizedValues& quantized);

/// b-bit codes, least significant bit first, ⌈Nb/8⌉ bytes; and back (throws kContent on a bad size
/// or non-zero padding).
std::vector<uint8_t> pack_codes(std::span<const uint8_t> codes, int64_t bits);
std::vector<uint8_t> unpack_codes(std::span<const uint8_t> packed, int64_t bits, int64_t count);

/// IEEE half precision, round to nearest even.
uint16_t to_half(float value);
float from_half(uint16_t bits);

}  // namespace qprompt
