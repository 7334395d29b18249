#include <filesystem>
#include <set>

#include "base/aten.h"
#include "qprompt/features.h"
#include "qprompt/train.h"
#include "qprompt/weights.h"
#include "train/option_door.h"
#include "train/record.h"

namespace qprompt {
namespace fs = std::filesystem;
namespace {

void append(Fields& all, Fields more) {
  for (Field& field : more) all.push_back(std::move(field));
}

/// Digest of everything that decides the bytes of the result.
std::string run_key(const Clip& clip, const Split& split, const FitOptions& options) {
  Digest digest;
  digest.update_text(to_hex(clip.fingerprint()));
  FitOptions copy = options;
  for (const Field& field : fit_fields(copy)) {
    if (field.name == "checkpoint-seconds" || field.name == "pixel-memory") continue;
    digest.update_text(field.name + "=" + field.print());
  }
  digest.update_text(cat(options.method.method().word, " ", options.train.seed, " ",
                         options.shots, " ", half_name(options.half), " ",
                         static_cast<int>(options.train.quantization), " ",
                         options.features.decode.exif_orientation, " ", runtime_info().threads, " ",
                         options.device, " ", options.dtype));
  digest.update_text(split.name);
  for (const std::string& name : split.class_names) digest.update_text(name);
  for (const Item& item : split.train) digest.update_text(cat(item.label, " ", item.path));
  return digest.hex();
}

TrainingData training_features(const Clip& clip, const Split& split, const FitOptions& options,
                               FeatureUse& use, Log& log) {
  const double started = now_seconds();
  const FeatureSet set =
      options.views == 0
          ? test_features(clip, split.image_root, split.train, options.features, log)
          : train_features(clip, split, {options.views, options.train.seed}, options.features, log);
  TrainingData data{set.features, {}, nullptr};
  for (int64_t i : set.kept) data.labels.push_back(split.train[static_cast<size_t>(i)].label);
  use = {set.encoded, set.features.size(0) * set.features.size(1), now_seconds() - started};
  return data;
}

TrainingData training_pixels(const Clip& clip, const Split& split, const FitOptions& options) {
  const TrainingPixels pixels(
      clip, split.image_root, split.train,
      {options.views, options.train.seed, options.pixel_memory_mb, options.features.decode});
  TrainingData data;
  for (const Item& item : split.train) data.labels.push_back(item.label);
  data.pixels = [pixels](const std::vector<int64_t>& items, int64_t epoch) {
    return pixels.batch(items, epoch);
  };
  return data;
}

TrainedPrompt describe(const Clip& clip, const Split& split, const FitOptions& options,
                       const Learner& learner) {
  TrainedPrompt prompt;
  describe_method(prompt, learner.options());
  prompt.width = clip.config().text_width;
  prompt.bits = options.train.quantization == Quantization::kNone ? options.train.plain_bits
                                                                  : options.train.quantizer.bits;
  prompt.shots = options.shots;
  prompt.seed = options.train.seed;
  prompt.half = options.half;
  prompt.fingerprint = clip.fingerprint();
  prompt.dataset = split.name;
  prompt.base_model = backbone_of(clip);
  const bool storable =
      std::all_of(split.class_names.begin(), split.class_names.end(), is_storable);
  if (prompt.bound_to_classes() || (options.store_class_names && storable)) {
    prompt.class_names = split.class_names;
  }
  return prompt;
}

void check_trainable(const Split& split) {
  std::set<int64_t> labels;
  for (const Item& item : split.train) labels.insert(item.label);
  if (labels.size() < 2) {
    fail(ErrorKind::kContent, "'", split.name, "' has training images of ", labels.size(),
         " class; a classifier needs at least two");
  }
}

}  // namespace

Fields fit_fields(FitOptions& options) {
  Fields all = options.method.fields();
  append(all, train_fields(options.train));
  all.push_back(number_field("views", "augmented views of each training image; 0: the test view",
                             options.views, {0, 1000}));
  if (options.method.method().reads == Reads::kPixels) {
    all.push_back(number_field("pixel-memory",
                               "MiB of decoded training images kept by methods of the image tower",
                               options.pixel_memory_mb, {0, 1'000'000}));
  }
  if (options.train.quantization != Quantization::kNone) {
    append(all, quantizer_fields(options.train.quantizer));
  }
  return all;
}

FitResult fit_prompt(const Clip& clip, const Split& split, const FitOptions& options, Log& log) {
  const double started = now_seconds();
  check_trainable(split);
  const std::string key = run_key(clip, split, options);
  FitResult result;
  TrainOptions recipe = options.train;
  if (!options.out.empty()) {
    make_folder(options.out);
    result.path = (fs::path(options.out) / "prompt.qprompt").string();
    recipe.resume = {(fs::path(options.out) / "checkpoint.safetensors").string(), key};
    if (options.keep_finished && finished_run(options.out, key, result)) return result;
  }
  const auto learner = make_learner(clip, split.class_names, options.method);
  FeatureUse use;
  const TrainingData data = learner->method().reads == Reads::kPixels
                                ? training_pixels(clip, split, options)
                                : training_features(clip, split, options, use, log);
  TrainedPrompt prompt = describe(clip, split, options, *learner);
  if (options.observe) {
    recipe.observe = [&](const TrainSnapshot& snapshot) {
      if (options.train.observe) options.train.observe(snapshot);
      prompt.tensors = snapshot.tensors;
      options.observe(snapshot, prompt);
    };
  }
  const TrainResult run = train_prompt(clip, *learner, data, recipe, log);
  prompt.tensors = run.tensors;
  const std::string bytes = encode_prompt(prompt);
  result.file_bytes = static_cast<int64_t>(bytes.size());
  result.seconds = now_seconds() - started;
  if (options.out.empty()) {
    result.prompt = decode_prompt(bytes, "the new prompt");
    return result;
  }
  write_file_atomic(result.path, bytes);
  write_record({clip, split, options, run, use, key}, result, log);
  std::error_code ignored;
  fs::remove(recipe.resume.path, ignored);
  result.prompt = read_prompt(result.path);
  return result;
}

}  // namespace qprompt
