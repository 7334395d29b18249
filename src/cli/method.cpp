#include "cli/method.h"

#include <algorithm>
#include <charconv>
#include <functional>
#include <set>

#include "experiment/methods.h"
#include "method/method.h"
#include "train/option_door.h"

namespace qprompt::cli {
namespace {

int64_t whole_number(const std::string& option, const std::string& text, int64_t low,
                     int64_t high) {
  int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || value < low || value > high) {
    fail(ErrorKind::kUsage, option, ": '", text, "' is not a whole number from ", low, " to ",
         high);
  }
  return value;
}

/// The options of all methods: kept as they were given, since the methods are known later.
void add_method_options(Command& command, RunOptions& options) {
  for (const KnownOption& known : known_options()) {
    if (known.field.name == "bits") continue;  // which may be several
    std::string whose;
    for (const std::string& label : known.methods) whose += (whose.empty() ? "" : ", ") + label;
    Field kept = known.field;
    kept.help += whose.empty() ? "" : " (" + whose + ")";
    kept.parse = [&options, field = known.field](const std::string& text) {
      field.parse(text);
      options.given.emplace_back(field.name, text);
    };
    command.add(kept);
  }
}

}  // namespace

void add_run_options(Command& command, RunOptions& options) {
  add_model_options(command, options.model);
  add_data_options(command, options.images);
  add_cache_options(command, options.images);
  std::string words;
  for (const std::string& word : method_words()) {
    if (find_method(word).trained()) words += (words.empty() ? "" : ", ") + word;
  }
  command.add_text("method", words + "; with a q before it where it is to be quantized",
                   options.methods);
  command.add_text("bits", "bits of a quantized value, 1 to 8", options.bits).default_text = "1";
  command.add_text("shots", "training images a class, or all", options.shots);
  command.add_flag("post-training", "quantize once after training instead of while training",
                   options.post_training);
  command.add_text(
      "sample",
      "file with the training items: JSON as 'data sample --json' prints it, or CoOp's "
      "split_fewshot/shot_K-seed_S.pkl",
      options.sample);
  add_method_options(command, options);
}

int64_t parse_shots(const std::string& text) {
  return text == "all" ? 0 : whole_number("--shots", text, 1, 1'000'000);
}

namespace {

using Prepare = std::function<void(FitOptions&)>;

std::vector<Variant> variants_of(const RunOptions& options, const Prepare& prepare) {
  std::vector<Variant> variants;
  bool quantizes = false;
  for (std::string method : split_commas(options.methods)) {
    if (options.post_training && method.rfind('q', 0) == 0) method = method.substr(1) + "-ptq";
    const bool codes = stores_codes(method);
    quantizes = quantizes || codes;
    std::vector<std::string> bits{"1"};
    if (codes && !options.bits.empty()) bits = split_commas(options.bits);
    for (const std::string& b : bits) {
      FitOptions fit;
      fit.shots = parse_shots(options.shots);
      fit.features = feature_options(options.images);
      const std::string name = set_method(method, whole_number("--bits", b, 1, 8), fit);
      prepare(fit);
      variants.push_back({name, fit});
    }
  }
  std::vector<FitOptions*> shared;
  for (Variant& variant : variants) shared.push_back(&variant.fit);
  set_shared_options(options.given, shared);
  if ((options.post_training || !options.bits.empty()) && !variants.empty() && !quantizes) {
    fail(ErrorKind::kUsage, options.post_training ? "--post-training" : "--bits",
         " is for methods that are quantized, and no method of '", options.methods,
         "' is; put a q before one");
  }
  if (variants.empty())
    fail(ErrorKind::kUsage, "--method names no method; 'train --help' lists them");
  return variants;
}

}  // namespace

std::vector<Variant> make_variants(const RunOptions& options) {
  return variants_of(options, [](FitOptions&) {});
}

std::vector<Variant> make_variants(const RunOptions& options, const Situation& situation,
                                   Log& log) {
  std::set<std::string> noted;
  std::vector<Variant> variants = variants_of(options, [&](FitOptions& fit) {
    const std::string note = apply_preset(fit, situation).note;
    if (noted.insert(note).second) log.note(note);
  });
  const bool given = std::any_of(options.given.begin(), options.given.end(),
                                 [](const auto& option) { return option.first == "views"; });
  for (Variant& variant : variants) {
    if (given) continue;
    // Views beyond the epochs would be encoded and never read.
    variant.fit.views = std::min(variant.fit.views, variant.fit.train.epochs);
  }
  return variants;
}

Split draw_training(const Split& split, const RunOptions& options, uint64_t seed, Log& log) {
  if (!options.sample.empty()) return apply_sample(split, options.sample);
  return draw_few_shot(split, parse_shots(options.shots), seed, log);
}

}  // namespace qprompt::cli
