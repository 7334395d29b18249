#include <gtest/gtest.h>

#include <cmath>

#include "qprompt/train.h"

namespace qprompt {
namespace {

TEST(TrainOptionsTest, EveryFieldPrintsWhatItParses) {
  FitOptions options;
  for (const Field& field : fit_fields(options)) {
    const std::string before = field.print();
    field.parse(before);
    EXPECT_EQ(field.print(), before) << field.name;
    EXPECT_FALSE(field.help.empty()) << field.name;
  }
}

TEST(TrainOptionsTest, NamesAreUnique) {
  FitOptions options;
  std::vector<std::string> names;
  for (const Field& field : fit_fields(options)) {
    EXPECT_EQ(std::count(names.begin(), names.end(), field.name), 0) << field.name;
    names.push_back(field.name);
  }
}

TEST(TrainOptionsTest, TheLastRateNeverReachesZero) {
  TrainOptions options;
  options.epochs = 50;
  EXPECT_DOUBLE_EQ(learning_rate_at(options, options.learning_rate, 0), 1e-5);
  EXPECT_DOUBLE_EQ(learning_rate_at(options, options.learning_rate, 1), 0.002);
  EXPECT_NEAR(learning_rate_at(options, options.learning_rate, 49), 7.8853e-06, 1e-10);
}

TEST(TrainOptionsTest, TheRateMayMoveWithTheStepAndStartWithoutAWarmUp) {
  TrainOptions options;
  options.epochs = 4;
  options.warmup_epochs = 0;
  EXPECT_DOUBLE_EQ(learning_rate_at(options, 0.002, 0), 0.002);
  EXPECT_DOUBLE_EQ(learning_rate_at(options, 0.002, 2), 0.001);  // half of the cosine
  EXPECT_NEAR(learning_rate_at(options, 0.002, 2.5), 0.001 * (1 + std::cos(M_PI * 0.625)), 1e-15);
  options.warmup_epochs = 1;
  EXPECT_DOUBLE_EQ(learning_rate_at(options, 0.002, 0.75), options.warmup_rate);
  EXPECT_DOUBLE_EQ(learning_rate_at(options, 0.002, 1), 0.002);
}

TEST(TrainOptionsTest, WhatHasNoUseBesideTheOthersIsRefused) {
  const auto refuses = [](auto change) {
    TrainOptions options;
    change(options);
    try {
      check_options(options);
    } catch (const Error& e) {
      return e.kind() == ErrorKind::kUsage;
    }
    return false;
  };
  EXPECT_FALSE(refuses([](TrainOptions&) {}));
  EXPECT_TRUE(refuses([](TrainOptions& o) { o.optimizer.beta1 = 0.5; }));
  EXPECT_TRUE(refuses([](TrainOptions& o) { o.optimizer.epsilon = 1e-3; }));
  EXPECT_TRUE(refuses([](TrainOptions& o) {
    o.optimizer.kind = OptimizerKind::kAdam;
    o.optimizer.momentum = 0.5;
  }));
  EXPECT_TRUE(refuses([](TrainOptions& o) {
    o.warmup_epochs = 0;
    o.warmup_rate = 1e-4;
  }));
  EXPECT_FALSE(refuses([](TrainOptions& o) {
    o.optimizer.kind = OptimizerKind::kAdamW;
    o.optimizer.epsilon = 1e-4;
  }));
}

TEST(TrainOptionsTest, BadValuesAreRefusedAsUsage) {
  FitOptions options;
  for (const Field& field : fit_fields(options)) {
    // Free text; the names are checked where the tensors are known.
    if (field.name == "init" || field.name == "quantized-tensors" || field.name == "tensor-lr") {
      continue;
    }
    for (const char* text : {"", "maybe", "1e999", "nan"}) {
      try {
        field.parse(text);
        ADD_FAILURE() << field.name << " took '" << text << "'";
      } catch (const Error& e) {
        EXPECT_EQ(e.kind(), ErrorKind::kUsage);
      }
    }
  }
}

TEST(TrainOptionsTest, TheClassChunkIsANumberOrAuto) {
  TrainOptions options;
  for (const Field& field : train_fields(options)) {
    if (field.name != "class-chunk") continue;
    EXPECT_EQ(field.print(), "auto");
    field.parse("64");
    EXPECT_EQ(options.class_chunk, 64);
    EXPECT_EQ(field.print(), "64");
    field.parse("auto");
    EXPECT_EQ(options.class_chunk, 0);
    EXPECT_THROW(field.parse("0"), Error);
    EXPECT_THROW(field.parse("many"), Error);
    return;
  }
  ADD_FAILURE() << "there is no such field";
}

}  // namespace
}  // namespace qprompt
