#include "qprompt/prompt.h"

namespace qprompt {

Fields context_fields(ContextOptions& options) {
  return {
      number_field(
          "n-ctx",
          "learned rows; 0: CoOp, CoCoOp and deep-text as many as the words of --init, or 4 "
          "without words; MaPLe and IVLP 2, VPT 8",
          options.n_ctx, {0, 64}),
      text_field("init", "words that the context starts from; empty: random", options.init_words),
      choice_field("class-position", "where the class name stands: end, middle or front",
                   options.position, {"end", "middle", "front"}),
      flag_field("class-specific", "learn one context a class: true or false",
                 options.class_specific),
      number_field("depth", "blocks that take learned rows; 0: 9, or all where there are fewer",
                   options.depth, {0, 255}),
      number_field("vision-ctx", "IVLP: learned rows of an image; 0: as many as of the text",
                   options.vision_ctx, {0, 1024}),
      number_field("vision-depth",
                   "IVLP: blocks of the image tower that take learned rows; 0: as "
                   "--depth",
                   options.vision_depth, {0, 255}),
  };
}

}  // namespace qprompt
