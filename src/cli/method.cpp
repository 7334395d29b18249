#include "cli/method.h"

#include <algorithm>
#include <charconv>

#include "experiment/methods.h"

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

/// Options that the method has no use for are a mistake of the user's.
void check_meaningful(const std::string& method, const ContextOptions& context) {
  const bool shallow = context.kind == PromptKind::kCoOp || context.kind == PromptKind::kCoCoOp;
  if (shallow && context.depth != 0) {
    fail(ErrorKind::kUsage, method, " learns rows before the first block only; leave out --depth");
  }
  if (context.kind != PromptKind::kIvlp && (context.vision_ctx != 0 || context.vision_depth != 0)) {
    fail(ErrorKind::kUsage, "--vision-ctx and --vision-depth are IVLP's; ", method,
         " takes --n-ctx and --depth");
  }
}

}  // namespace

void add_run_options(Command& command, RunOptions& options) {
  add_model_options(command, options.model);
  add_data_options(command, options.images);
  add_cache_options(command, options.images);
  command.add_text(
      "method",
      "coop, cocoop, maple, ivlp, vpt or deep-text, with a q before it "
      "where it is to be quantized: qcoop, qmaple, …; epochs, batch, rate and views are not "
      "set by it (recipes/ has the published ones)",
      options.methods);
  command.add_text("bits", "bits of a quantized value, 1 to 8", options.bits);
  command.add_text("shots", "training images a class, or all", options.shots);
  command.add_flag("post-training", "quantize once after training instead of while training",
                   options.post_training);
  command.add_text(
      "sample",
      "file with the training items: JSON as 'data sample --json' prints it, or CoOp's "
      "split_fewshot/shot_K-seed_S.pkl",
      options.sample);
  // The quantizer's fields show only where quantization is on, so ask for them with it on.
  options.fit.train.quantization = Quantization::kAware;
  command.add([&] {
    Fields fields = fit_fields(options.fit);
    std::erase_if(fields, [](const Field& field) { return field.name == "bits"; });
    return fields;
  }());
}

int64_t parse_shots(const std::string& text) {
  return text == "all" ? 0 : whole_number("--shots", text, 1, 1'000'000);
}

std::vector<Variant> make_variants(const RunOptions& options) {
  std::vector<Variant> variants;
  FitOptions fit = options.fit;
  fit.shots = parse_shots(options.shots);
  fit.features = feature_options(options.images);
  for (std::string method : split_commas(options.methods)) {
    if (options.post_training && method.rfind('q', 0) == 0) method = method.substr(1) + "-ptq";
    std::vector<std::string> bits{"1"};
    if (stores_codes(method)) bits = split_commas(options.bits);
    for (const std::string& b : bits) {
      FitOptions one = fit;
      const std::string name = set_method(method, whole_number("--bits", b, 1, 8), one);
      check_meaningful(name, one.context);
      variants.push_back({name, one});
    }
  }
  const bool quantizes = std::any_of(variants.begin(), variants.end(), [](const Variant& variant) {
    return variant.fit.train.quantization != Quantization::kNone;
  });
  if (options.post_training && !variants.empty() && !quantizes) {
    fail(ErrorKind::kUsage, "--post-training quantizes, but no method of '", options.methods,
         "' is to be quantized; put a q before one");
  }
  if (variants.empty())
    fail(ErrorKind::kUsage, "--method names no method; give for example coop or qmaple");
  return variants;
}

Split draw_training(const Split& split, const RunOptions& options, uint64_t seed, Log& log) {
  if (!options.sample.empty()) return apply_sample(split, options.sample);
  return draw_few_shot(split, parse_shots(options.shots), seed, log);
}

}  // namespace qprompt::cli
