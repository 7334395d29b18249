#include "qprompt/quant.h"

namespace qprompt {

Fields quantizer_fields(QuantizerOptions& options) {
  return {
      number_field("bits", "bits of a code; a tensor keeps 2^bits distinct values", options.bits,
                   {1, 8}),
      flag_field("normalise", "shift and scale each tensor to mean 0 and deviation 1 first",
                 options.normalise),
      choice_field("schedule", "when the centres are fitted again", options.schedule,
                   {"every-step", "once", "adaptive"}),
      number_field("recluster-interval",
                   "adaptive: steps after a fit before another one is considered", options.interval,
                   {1, 1e9}),
      number_field("recluster-kl",
                   "adaptive: fit again when the codes' distribution moved by more nats than this",
                   options.kl_threshold, {0, 1e9}),
  };
}

}  // namespace qprompt
