// The tiny CLIP that the tests carry.
#pragma once

#include "qprompt/clip.h"
#include "support/run.h"

namespace qprompt::testing_support {

inline Clip open_tiny_clip() {
  return Clip::load(tiny_oracle() + "/hf", {tiny_oracle() + "/vocab.txt.gz", "cpu", "float32"});
}

}  // namespace qprompt::testing_support
