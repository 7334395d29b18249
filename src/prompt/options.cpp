#include "qprompt/prompt.h"

namespace qprompt {

Fields context_fields(ContextOptions& options) {
  return {
      number_field("n-ctx", "context rows; 0: as many as the words of --init, or 4 without words",
                   options.n_ctx, {0, 64}),
      text_field("init", "words that the context starts from; empty: random", options.init_words),
      choice_field("class-position", "where the class name stands: end, middle or front",
                   options.position, {"end", "middle", "front"}),
      flag_field("class-specific", "learn one context a class: true or false",
                 options.class_specific),
  };
}

}  // namespace qprompt
