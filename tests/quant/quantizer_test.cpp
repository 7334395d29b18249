#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <random>

#include "qprompt/quant.h"

namespace qprompt {
namespace {

/// The same values on every processor: those of at::randn depend on its vector width.
template <class Distribution>
at::Tensor draw(at::IntArrayRef shape, uint64_t seed, Distribution distribution) {
  std::mt19937_64 engine(seed);
  at::Tensor drawn = at::empty(shape, at::kFloat);
  float* values = drawn.data_ptr<float>();
  std::generate(values, values + drawn.numel(), [&] { return distribution(engine); });
  return drawn;
}

at::Tensor random_weights(at::IntArrayRef shape, uint64_t seed) {
  return draw(shape, seed, std::normal_distribution<float>(0, 0.02f));
}

std::vector<float> values_of(const at::Tensor& tensor) {
  const at::Tensor flat = tensor.detach().to(at::kFloat).contiguous();
  return {flat.data_ptr<float>(), flat.data_ptr<float>() + flat.numel()};
}

/// Q of the definition: normalise, look at every centre, denormalise. In double throughout.
struct Plain {
  double mean = 0, deviation = 1;
  std::vector<double> centres;  // normalised

  static Plain fitted(const std::vector<float>& w, int64_t bits, bool normalise) {
    Plain plain;
    if (normalise) plain.measure(w);
    plain.centres = fit_codebook(w, bits).centres;
    for (double& c : plain.centres) c = (c - plain.mean) / plain.deviation;
    return plain;
  }
  void measure(const std::vector<float>& w) {
    mean = 0;
    for (const float x : w) mean += x / double(w.size());
    double spread = 0;
    for (const float x : w) spread += (x - mean) * (x - mean);
    deviation = std::sqrt(spread / double(w.size()));
  }
  size_t code(float x) const {
    const double y = (x - mean) / deviation;
    size_t best = 0;
    for (size_t k = 1; k < centres.size(); ++k) {
      if (std::abs(y - centres[k]) < std::abs(y - centres[best])) best = k;
    }
    return best;
  }
  double value(float x) const { return centres[code(x)] * deviation + mean; }
  std::vector<double> histogram(const std::vector<float>& w) const {
    std::vector<double> counts(centres.size());
    for (const float x : w) counts[code(x)] += 1;
    return counts;
  }
};

/// KL(now ‖ then) with half a count added to every index.
double divergence(const std::vector<double>& now, const std::vector<double>& then, double count) {
  const double half = 0.5, total = count + half * double(now.size());
  double kl = 0;
  for (size_t k = 0; k < now.size(); ++k) {
    kl += (now[k] + half) / total * std::log((now[k] + half) / (then[k] + half));
  }
  return kl;
}

TEST(Quantizer, WeightsBecomeTheDenormalisedNearestCentres) {
  const at::Tensor weights = random_weights({4, 512}, 1) + 0.3;
  const auto w = values_of(weights);
  for (const bool normalise : {true, false}) {
    for (int64_t bits = 1; bits <= 8; ++bits) {
      Quantizer quantizer({bits, normalise, Schedule::kEveryStep});
      const at::Tensor result = quantizer.step(weights);
      EXPECT_EQ(result.sizes(), weights.sizes());
      const auto q = values_of(result);
      const Plain plain = Plain::fitted(w, bits, normalise);
      for (size_t i = 0; i < w.size(); ++i) ASSERT_NEAR(q[i], plain.value(w[i]), 1e-7) << bits;
    }
  }
}

TEST(Quantizer, BetweenFitsOnlyMeanAndDeviationMove) {
  const at::Tensor first = random_weights({4, 512}, 2);
  const at::Tensor second = random_weights({4, 512}, 3) * 1.7 - 0.4;
  Quantizer quantizer({2, true, Schedule::kOnce});
  quantizer.step(first);
  const auto q = values_of(quantizer.step(second));
  Plain plain = Plain::fitted(values_of(first), 2, true);
  plain.measure(values_of(second));
  const auto w = values_of(second);
  for (size_t i = 0; i < w.size(); ++i) ASSERT_NEAR(q[i], plain.value(w[i]), 1e-7);
  ASSERT_EQ(quantizer.events().size(), 1u);
}

TEST(Quantizer, TheGradientAtTheQuantizedWeightsPassesToTheWeightsUnchanged) {
  const at::Tensor weights = random_weights({4, 512}, 4).set_requires_grad(true);
  const at::Tensor target = random_weights({4, 512}, 5);
  Quantizer quantizer({1});
  const at::Tensor quantized = quantizer.step(weights);
  ((quantized * quantized * quantized + quantized * target).sum()).backward();
  const at::Tensor leaf = quantized.detach().clone().set_requires_grad(true);
  ((leaf * leaf * leaf + leaf * target).sum()).backward();
  EXPECT_TRUE(at::equal(weights.grad(), leaf.grad()));
}

TEST(Quantizer, TheForwardValueIsTheCentreToTheBit) {
  const at::Tensor weights = (random_weights({300}, 6) + 5).set_requires_grad(true);
  Quantizer quantizer({2});
  const auto q = values_of(quantizer.step(weights));
  std::vector<float> distinct = q;
  std::sort(distinct.begin(), distinct.end());
  distinct.erase(std::unique(distinct.begin(), distinct.end()), distinct.end());
  EXPECT_EQ(distinct.size(), 4u);
  EXPECT_EQ(values_of(quantizer.quantize(weights)), q);
}

TEST(Quantizer, EveryStepFitsAtEveryStepAndOnceOnlyAtTheFirst) {
  Quantizer every({1, true, Schedule::kEveryStep}), once({1, true, Schedule::kOnce});
  for (uint64_t step = 0; step < 5; ++step) {
    every.step(random_weights({64}, step));
    once.step(random_weights({64}, step));
  }
  ASSERT_EQ(every.events().size(), 5u);
  for (int64_t step = 0; step < 5; ++step) {
    const ReclusterEvent& event = every.events()[static_cast<size_t>(step)];
    EXPECT_EQ(event.step, step);
    EXPECT_TRUE(event.refitted);
    EXPECT_TRUE(std::isnan(event.kl));
  }
  ASSERT_EQ(once.events().size(), 1u);
}

TEST(Quantizer, TheAdaptiveScheduleFitsWhenAndOnlyWhenItsRuleSays) {
  const int64_t interval = 4;
  const double threshold = 0.02;
  QuantizerOptions options{2, true, Schedule::kAdaptive, interval, threshold};
  Quantizer quantizer(options);
  Plain plain;
  std::vector<double> fitted;
  int64_t last_fit = 0, fits = 0, looks = 0;
  size_t seen = 0;
  const at::Tensor even = draw({4, 512}, 7, std::uniform_real_distribution<float>(-0.5, 0.5));
  const at::Tensor bell = random_weights({4, 512}, 8);
  for (int64_t step = 0; step < 60; ++step) {
    // The shape swings slowly between flat and bell-shaped, the scale grows.
    const double mix = 0.5 - 0.5 * std::cos(double(step) / 8);
    const at::Tensor weights = (even * mix + bell * (20 * (1 - mix))) * (1 + 0.1 * double(step));
    const auto w = values_of(weights);
    quantizer.step(weights);
    const bool due = step == 0 || step - last_fit >= interval;
    ASSERT_EQ(quantizer.events().size() - seen, due ? 1u : 0u) << step;
    if (!due) continue;
    const ReclusterEvent event = quantizer.events()[seen++];
    EXPECT_EQ(event.step, step);
    if (step > 0) {
      plain.measure(w);
      // A weight that lies between two centres to the last bit may fall to either side.
      EXPECT_NEAR(event.kl, divergence(plain.histogram(w), fitted, double(w.size())), 2e-3);
      EXPECT_EQ(event.refitted, event.kl > threshold);
      ++looks;
    }
    if (!event.refitted) continue;
    plain = Plain::fitted(w, 2, true);
    fitted = plain.histogram(w);
    last_fit = step;
    ++fits;
  }
  EXPECT_GT(fits, 2);
  EXPECT_GT(looks, fits);  // both outcomes were met
  EXPECT_TRUE(quantizer.events().front().refitted);
}

TEST(Quantizer, UnchangedWeightsAreLookedAtButNeverFittedAgain) {
  const at::Tensor weights = random_weights({4, 512}, 9);
  Quantizer quantizer({4, true, Schedule::kAdaptive, 1, 0});
  for (int step = 0; step < 4; ++step) quantizer.step(weights * (1 + step));
  ASSERT_EQ(quantizer.events().size(), 4u);
  for (size_t i = 1; i < 4; ++i) {
    EXPECT_EQ(quantizer.events()[i].kl, 0);
    EXPECT_FALSE(quantizer.events()[i].refitted);
  }
}

TEST(Quantizer, AConstantTensorStandsForItselfAndTheFitWaits) {
  for (const bool normalise : {true, false}) {
    Quantizer quantizer({2, normalise, Schedule::kOnce});
    const at::Tensor constant = at::full({7, 1000}, 0.1f);
    EXPECT_TRUE(at::equal(quantizer.step(constant), constant));
    EXPECT_TRUE(quantizer.events().empty());
    const QuantizedValues stored = quantizer.store(constant);
    EXPECT_EQ(stored.codes, std::vector<uint8_t>(7000, 0));
    EXPECT_EQ(stored.codebook, std::vector<uint16_t>(4, to_half(0.1f)));
    quantizer.step(random_weights({4, 512}, 10));
    ASSERT_EQ(quantizer.events().size(), 1u);
    EXPECT_EQ(quantizer.events()[0].step, 1);
  }
}

TEST(Quantizer, TwoValuesAreKeptWhateverTheBits) {
  const at::Tensor weights =
      at::where(random_weights({999}, 11) > 0, at::full({}, 0.7f), at::full({}, -0.2f));
  for (int64_t bits = 1; bits <= 8; ++bits) {
    Quantizer quantizer({bits});
    EXPECT_TRUE(at::allclose(quantizer.step(weights), weights, 0, 1e-7));
    const QuantizedValues stored = quantizer.store(weights);
    EXPECT_EQ(stored.codebook.size(), size_t{1} << bits);
    EXPECT_EQ(stored.codebook.front(), to_half(-0.2f));
    EXPECT_EQ(stored.codebook.back(), to_half(0.7f));  // unused centres repeat the last
  }
}

TEST(Quantizer, WhatIsStoredIsWhatTheStepGivesRoundedToHalves) {
  for (const int64_t bits : {1, 3, 4, 8}) {
    const at::Tensor weights = random_weights({8, 100}, 12);
    Quantizer quantizer({bits});
    quantizer.step(random_weights({8, 100}, 13));
    const QuantizedValues stored = quantizer.store(weights);
    EXPECT_EQ(stored.bits, bits);
    const auto q = values_of(quantizer.quantize(weights));
    const auto back = dequantize(stored);
    ASSERT_EQ(back.size(), q.size());
    for (size_t i = 0; i < q.size(); ++i) ASSERT_EQ(back[i], from_half(to_half(q[i])));
    for (size_t k = 1; k < stored.codebook.size(); ++k) {
      EXPECT_LE(from_half(stored.codebook[k - 1]), from_half(stored.codebook[k]));
    }
  }
}

TEST(Quantizer, PostTrainingQuantizationIsTheSameCodeCalledOnce) {
  const at::Tensor weights = random_weights({4, 512}, 14);
  Quantizer quantizer({2});
  const QuantizedValues stored = quantizer.store(weights);
  const QuantizedValues once = quantize_once(values_of(weights), {2});
  EXPECT_EQ(once.codes, stored.codes);
  EXPECT_EQ(once.codebook, stored.codebook);
  EXPECT_THROW(quantize_once({}, {2}), Error);
}

TEST(Quantizer, CentresBeyondTheRangeOfHalvesAreRefused) {
  EXPECT_THROW(quantize_once(std::vector<float>{1, 70000}, {1}), Error);
  EXPECT_NO_THROW(quantize_once(std::vector<float>{1, 65504}, {1}));
}

TEST(Quantizer, NanInfinityEmptyAndWholeNumbersAreRefusedAndChangeNothing) {
  Quantizer quantizer({1});
  quantizer.step(random_weights({64}, 15));
  const std::string before = quantizer.save_state();
  at::Tensor weights = random_weights({20000}, 16);
  for (const float bad :
       {std::numeric_limits<float>::quiet_NaN(), std::numeric_limits<float>::infinity(),
        -std::numeric_limits<float>::infinity()}) {
    weights[12345] = bad;
    EXPECT_THROW(quantizer.step(weights), Error);
    EXPECT_THROW(quantizer.store(weights), Error);
  }
  EXPECT_THROW(quantizer.step(at::empty({0})), Error);
  EXPECT_THROW(quantizer.step(at::ones({3}, at::kLong)), Error);
  EXPECT_THROW(quantizer.step(at::Tensor()), Error);
  EXPECT_EQ(quantizer.save_state(), before);
}

TEST(Quantizer, StridesAndTypesOfTheWeightsAreKept) {
  const at::Tensor weights = random_weights({16, 32}, 17);
  const auto expected = values_of(Quantizer({2}).step(weights));
  const at::Tensor turned = weights.t().contiguous().t();
  EXPECT_EQ(values_of(Quantizer({2}).step(turned)), expected);
  const at::Tensor doubles = Quantizer({2}).step(weights.to(at::kDouble).set_requires_grad(true));
  EXPECT_EQ(doubles.scalar_type(), at::kDouble);
  EXPECT_EQ(values_of(doubles), expected);
  const at::Tensor brief = Quantizer({2}).step(weights.to(at::kBFloat16));
  EXPECT_EQ(brief.scalar_type(), at::kBFloat16);
}

TEST(Quantizer, TheNumberOfThreadsDoesNotChangeABit) {
  const at::Tensor weights = random_weights({300000}, 18);
  const int threads = at::get_num_threads();
  at::set_num_threads(1);
  const at::Tensor one = Quantizer({4}).step(weights);
  at::set_num_threads(3);
  const at::Tensor three = Quantizer({4}).step(weights);
  at::set_num_threads(threads);
  EXPECT_TRUE(at::equal(one, three));
}

TEST(Quantizer, ImpossibleOptionsAreUsageErrors) {
  EXPECT_THROW(Quantizer({0}), Error);
  EXPECT_THROW(Quantizer({9}), Error);
  EXPECT_THROW(Quantizer({1, true, Schedule::kAdaptive, 0}), Error);
  EXPECT_THROW(Quantizer({1, true, Schedule::kAdaptive, 1, -1}), Error);
  EXPECT_THROW(Quantizer({1, true, Schedule::kAdaptive, 1, std::nan("")}), Error);
}

TEST(QuantizerState, AResumedQuantizerGoesOnToTheSameBits) {
  const QuantizerOptions options{2, true, Schedule::kAdaptive, 3, 0.001};
  Quantizer straight(options), before(options), after(options);
  for (uint64_t step = 0; step < 20; ++step) {
    const at::Tensor weights = random_weights({64}, step);
    const at::Tensor expected = straight.step(weights);
    EXPECT_TRUE(at::equal((step < 9 ? before : after).step(weights), expected));
    if (step == 8) after.load_state(before.save_state());
  }
  EXPECT_EQ(after.save_state(), straight.save_state());
  EXPECT_EQ(after.events().size(), straight.events().size());
}

TEST(QuantizerState, AFreshStateAndOneWithFewCentresComeBack) {
  Quantizer fresh({8}), loaded({8});
  loaded.load_state(fresh.save_state());
  EXPECT_EQ(loaded.save_state(), fresh.save_state());
  fresh.step(at::arange(5, at::kFloat));
  loaded.load_state(fresh.save_state());
  EXPECT_EQ(loaded.save_state(), fresh.save_state());
}

TEST(QuantizerState, EveryTruncationIsRefusedAndNoAlterationDoesHarm) {
  const QuantizerOptions options{2, true, Schedule::kAdaptive, 1, 0.0};
  Quantizer quantizer(options);
  for (uint64_t step = 0; step < 3; ++step) quantizer.step(random_weights({64}, step));
  const std::string bytes = quantizer.save_state();
  Quantizer target(options);
  const std::string empty = target.save_state();
  for (size_t size = 0; size < bytes.size(); ++size) {
    EXPECT_THROW(target.load_state(bytes.substr(0, size)), Error) << size;
  }
  EXPECT_THROW(target.load_state(bytes + "x"), Error);
  EXPECT_EQ(target.save_state(), empty);
  for (size_t at = 0; at < bytes.size(); ++at) {
    for (const char flip : {'\x01', '\x80', '\xff'}) {
      std::string altered = bytes;
      altered[at] = static_cast<char>(altered[at] ^ flip);
      try {
        Quantizer other(options);
        other.load_state(altered);
        other.step(random_weights({64}, 5));
      } catch (const Error& error) {
        EXPECT_EQ(error.kind(), ErrorKind::kContent);
      }
    }
  }
}

TEST(QuantizerState, AStateOfOtherOptionsIsRefused) {
  const std::string bytes = Quantizer({2}).save_state();
  EXPECT_THROW(Quantizer({3}).load_state(bytes), Error);
  EXPECT_THROW(Quantizer({2, false}).load_state(bytes), Error);
  EXPECT_THROW(Quantizer({2, true, Schedule::kOnce}).load_state(bytes), Error);
}

TEST(QuantizerFields, TextComesBackAndImpossibleTextIsRefused) {
  QuantizerOptions options, other;
  const Fields fields = quantizer_fields(options);
  std::vector<std::string> names;
  for (const Field& field : fields) names.push_back(field.name);
  EXPECT_EQ(names, (std::vector<std::string>{"bits", "normalise", "schedule", "recluster-interval",
                                             "recluster-kl"}));
  const std::vector<std::string> texts = {"4", "false", "every-step", "25", "0.5"};
  for (size_t i = 0; i < fields.size(); ++i) {
    fields[i].parse(texts[i]);
    EXPECT_EQ(fields[i].print(), texts[i]);
  }
  EXPECT_EQ(options.bits, 4);
  EXPECT_EQ(options.schedule, Schedule::kEveryStep);
  EXPECT_THROW(fields[0].parse("9"), Error);
  EXPECT_THROW(fields[2].parse("never"), Error);
  EXPECT_THROW(fields[3].parse("0"), Error);
  EXPECT_THROW(fields[4].parse("-1"), Error);
}

}  // namespace
}  // namespace qprompt
