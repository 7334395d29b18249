// Small random models for the tests of the rooms engine, checkpoint and clip.
#pragma once

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <fstream>
#include <functional>
#include <string>

#include "checkpoint/architecture.h"
#include "qprompt/clip.h"
#include "support/run.h"

namespace qprompt::testing_support {

inline std::string oracle_file(const std::string& name) {
  return QPROMPT_SOURCE_DIR "/tests/data/oracle/tiny/" + name;
}

/// Widths, heads and layers that have no power of two in common.
inline checkpoint::Architecture odd_architecture() {
  checkpoint::Architecture a;
  a.config.embed_dim = 10;
  a.config.image_size = 15;
  a.config.patch_size = 5;
  a.config.image_width = 21;
  a.config.image_layers = 2;
  a.config.image_heads = 3;
  a.config.context_length = 19;
  a.config.vocab_size = 37;
  a.config.text_width = 33;
  a.config.text_layers = 3;
  a.config.text_heads = 3;
  a.image_mlp = 13;
  a.text_mlp = 29;
  return a;
}

/// Sizes that bare files can tell (heads of 64) and a vocabulary that the tests have.
inline checkpoint::Architecture bare_architecture() {
  checkpoint::Architecture a = odd_architecture();
  a.config.image_width = a.config.text_width = 64;
  a.config.image_heads = a.config.text_heads = 1;
  a.config.vocab_size = 625;
  return a;
}

inline checkpoint::Architecture resnet_architecture() {
  checkpoint::Architecture a = bare_architecture();
  a.config.image_kind = ImageTowerKind::kResNet;
  a.config.image_size = 64;
  a.config.image_width = 4;
  a.config.image_heads = 2;
  a.config.image_layers = a.config.patch_size = a.image_mlp = 0;
  a.config.resnet_layers = {1, 2, 1, 1};
  return a;
}

inline checkpoint::Tensors random_weights(const checkpoint::Architecture& architecture,
                                          at::ScalarType type) {
  at::manual_seed(7);
  checkpoint::Tensors weights;
  for (const auto& [name, shape] : checkpoint::canonical_shapes(architecture)) {
    at::Tensor t = at::randn(shape, at::TensorOptions(type)) * 0.2;
    if (name.find("running_var") != std::string::npos) t = t.abs() + 0.5;
    weights[name] = t;
  }
  return weights;
}

/// The message of the Error that `act` throws; a test failure when it throws none.
inline std::string error_of(const std::function<void()>& act, ErrorKind kind) {
  try {
    act();
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), kind) << error.what();
    return error.what();
  }
  ADD_FAILURE() << "no error was thrown";
  return {};
}

inline ClipOptions with_test_vocabulary() {
  ClipOptions options;
  options.vocab = oracle_file("vocab.txt.gz");
  return options;
}

inline void expect_contains(const std::string& text, const std::string& part) {
  EXPECT_NE(text.find(part), std::string::npos) << "'" << part << "' is not in:\n" << text;
}

}  // namespace qprompt::testing_support
