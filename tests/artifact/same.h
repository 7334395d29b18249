// Compares two prompts field by field.
#pragma once

#include <gtest/gtest.h>

#include "qprompt/artifact.h"

namespace qprompt {

inline void expect_same(const TrainedPrompt& a, const TrainedPrompt& b) {
  EXPECT_EQ(a.method, b.method);
  EXPECT_EQ(a.n_ctx, b.n_ctx);
  EXPECT_EQ(a.width, b.width);
  EXPECT_EQ(a.position, b.position);
  EXPECT_EQ(a.settings, b.settings);
  EXPECT_EQ(a.unseen, b.unseen);
  EXPECT_EQ(a.temperature, b.temperature);
  EXPECT_EQ(a.features, b.features);
  EXPECT_EQ(a.base_model, b.base_model);
  EXPECT_EQ(a.others, b.others);
  EXPECT_EQ(a.depth, b.depth);
  EXPECT_EQ(a.bits, b.bits);
  EXPECT_EQ(a.shots, b.shots);
  EXPECT_EQ(a.seed, b.seed);
  EXPECT_EQ(a.half, b.half);
  EXPECT_EQ(a.fingerprint, b.fingerprint);
  EXPECT_EQ(a.initial_words, b.initial_words);
  EXPECT_EQ(a.dataset, b.dataset);
  EXPECT_EQ(a.class_names, b.class_names);
  ASSERT_EQ(a.tensors.size(), b.tensors.size());
  for (size_t t = 0; t < a.tensors.size(); ++t) {
    EXPECT_EQ(a.tensors[t].name, b.tensors[t].name);
    EXPECT_EQ(a.tensors[t].shape, b.tensors[t].shape);
    EXPECT_EQ(a.tensors[t].bits, b.tensors[t].bits);
    EXPECT_EQ(a.tensors[t].codebooks, b.tensors[t].codebooks);
    EXPECT_EQ(a.tensors[t].quantized.codes, b.tensors[t].quantized.codes);
    EXPECT_EQ(a.tensors[t].quantized.codebook, b.tensors[t].quantized.codebook);
    EXPECT_EQ(a.tensors[t].plain, b.tensors[t].plain);
  }
}

}  // namespace qprompt
