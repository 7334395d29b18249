#include <algorithm>
#include <filesystem>
#include <optional>
#include <set>

#include "base/aten.h"
#include "base/files.h"
#include "base/runtime.h"
#include "learner/texts.h"
#include "qprompt/dataset.h"
#include "qprompt/features.h"
#include "qprompt/weights.h"
#include "train/impl/loop.h"
#include "train/impl/objective.h"
#include "train/impl/record.h"
#include "train/impl/state.h"
#include "train/option_door.h"

namespace qprompt::train {
namespace fs = std::filesystem;
namespace {

void append_all(Fields& all, Fields more) {
  for (Field& field : more) all.push_back(std::move(field));
}

/// Digest of everything that decides the bytes of the result.
std::string run_key(const Clip& clip, const Split& split, const FitOptions& options) {
  Digest digest;
  digest.update_text(to_hex(clip.fingerprint()));
  digest.update_text(deciding_options(options));
  digest.update_text(cat(runtime_info().threads, " ", options.device, " ", options.dtype));
  digest.update_text(split.name);
  for (const std::string& name : split.class_names) digest.update_text(name);
  for (const Item& item : split.train) digest.update_text(cat(item.label, " ", item.path));
  if (options.train.selection == Selection::kValidation) {
    for (const Item& item : split.val) digest.update_text(cat(item.label, " ", item.path));
  }
  return digest.hex();
}

TrainingData training_features(const Clip& clip, const Split& split, const FitOptions& options,
                               FeatureUse& use, Log& log) {
  const double started = now_seconds();
  const FeatureSet set =
      options.views == 0
          ? test_features(clip, split.image_root, split.train, options.features, log)
          : train_features(clip, split, {options.views, options.train.seed}, options.features, log);
  TrainingData data{{set.features, {}, nullptr}, {}, {}};
  for (int64_t i : set.kept) data.labels.push_back(split.train[static_cast<size_t>(i)].label);
  use = {set.encoded, set.features.size(0) * set.features.size(1), now_seconds() - started};
  if (options.train.selection == Selection::kValidation && !split.val.empty()) {
    const FeatureSet val = test_features(clip, split.image_root, split.val, options.features, log);
    data.validation.features = val.features;
    for (int64_t i : val.kept) {
      data.validation.labels.push_back(split.val[static_cast<size_t>(i)].label);
    }
  }
  return data;
}

LabelledImages labelled_pixels(const Clip& clip, const std::string& root,
                               const std::vector<Item>& items,
                               const TrainingPixels::Options& options) {
  LabelledImages images;
  for (const Item& item : items) images.labels.push_back(item.label);
  const TrainingPixels pixels(clip, root, items, options);
  images.pixels = [pixels](const std::vector<int64_t>& picked, int64_t epoch) {
    return pixels.batch(picked, epoch);
  };
  return images;
}

TrainingData training_pixels(const Clip& clip, const Split& split, const FitOptions& options) {
  TrainingData data{labelled_pixels(clip, split.image_root, split.train,
                                    {options.views, options.train.seed, options.pixel_memory_mb,
                                     options.features.decode}),
                    {},
                    {}};
  if (options.train.selection == Selection::kValidation && !split.val.empty()) {
    data.validation =
        labelled_pixels(clip, split.image_root, split.val,
                        {0, options.train.seed, options.pixel_memory_mb, options.features.decode});
  }
  return data;
}

/// The data set's hand-written texts through the frozen tower, (C, E).
at::Tensor frozen_texts(const Clip& clip, const Split& split) {
  const at::NoGradGuard no_grad;
  std::vector<std::string> texts;
  for (const std::string& name : split.class_names) {
    texts.push_back(fill_template(default_template(split.name), name));
  }
  return clip.encode_text(pack_texts(clip, texts));
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

void check_trainable(const Split& split, const TrainOptions& options) {
  if (options.selection == Selection::kValidation && split.val.empty()) {
    fail(ErrorKind::kContent, "'", split.name,
         "' has no validation images to select an epoch by; give --selection last");
  }
  std::set<int64_t> labels;
  for (const Item& item : split.train) labels.insert(item.label);
  if (labels.size() < 2) {
    fail(ErrorKind::kContent, "'", split.name, "' has training images of ", labels.size(),
         " class; a classifier needs at least two");
  }
}

/// The prompt, then its record, then the checkpoint goes; `result` gets the prompt as it was read
/// back. Nothing is written without a folder.
void write_result(const RecordSource& source, const TrainedPrompt& prompt, FitResult& result) {
  const std::string bytes = encode_prompt(prompt);
  result.file_bytes = static_cast<int64_t>(bytes.size());
  result.digest = prompt_digest(bytes);
  if (source.options.out.empty()) {
    result.prompt = decode_prompt(bytes, "the new prompt");
    return;
  }
  write_file_atomic(result.path, bytes);
  write_record(source, result);
  std::error_code ignored;
  fs::remove(fs::path(source.options.out) / "checkpoint.safetensors", ignored);
  result.prompt = read_prompt(result.path);
}

FitResult fit(const Clip& clip, const Split& split, const FitOptions& options) {
  const double started = now_seconds();
  check_options(options.train);
  check_trainable(split, options.train);
  const std::string key = run_key(clip, split, options);
  FitResult result;
  std::optional<FolderLock> lock;
  TrainOptions recipe = options.train;
  if (!options.out.empty()) {
    make_folder(options.out);
    lock.emplace(options.out);
    result.path = (fs::path(options.out) / "prompt.qprompt").string();
    recipe.resume = {(fs::path(options.out) / "checkpoint.safetensors").string(), key};
    if (options.keep_finished && !options.overwrite && finished_run(options, key, result)) {
      return result;
    }
    if (!options.overwrite) check_replaceable(options, key, result.path);
    if (options.overwrite) remove_other_checkpoint(recipe.resume);
  }
  const auto learner = make_learner(clip, split.class_names, options.method);
  FeatureUse use;
  FitOptions watched = options;
  watched.features.observer = options.train.observer;
  Log said;  // what other rooms say, to be returned
  TrainingData data = learner->method().reads == Reads::kPixels
                          ? training_pixels(clip, split, watched)
                          : training_features(clip, split, watched, use, said);
  if (make_objective(learner->options()).reads_teacher_text()) {
    data.teacher_texts = frozen_texts(clip, split);
  }
  TrainedPrompt prompt = describe(clip, split, options, *learner);
  const FileOf file_of = [&prompt](const std::vector<StoredTensor>& tensors, bool exact) {
    TrainedPrompt now = prompt;
    if (exact) now.bits = 32;
    now.tensors = tensors;
    return encode_prompt(now);
  };
  const TrainResult run = run_training(clip, *learner, data, recipe, file_of);
  for (const std::string& warning : said.warnings()) {
    result.findings.push_back({"features", warning});
  }
  for (const Finding& finding : run.findings) result.findings.push_back(finding);
  prompt.tensors = run.tensors;
  result.seconds = now_seconds() - started;
  write_result({clip, split, options, run, use, key}, prompt, result);
  return result;
}

}  // namespace

}  // namespace qprompt::train

namespace qprompt {

Fields fit_fields(FitOptions& options) {
  Fields all = options.method.fields();
  train::append_all(all, train_fields(options.train));
  all.push_back(number_field("views", "augmented views of each training image; 0: the test view",
                             options.views, {0, 1000}));
  if (options.method.method().reads == Reads::kPixels) {
    all.push_back(number_field("pixel-memory",
                               "MiB of decoded training images kept by methods of the image tower",
                               options.pixel_memory_mb, {0, 1'000'000}));
  }
  if (options.train.quantization != Quantization::kNone) {
    train::append_all(all, quantizer_fields(options.train.quantizer));
  }
  return all;
}

std::string deciding_options(const FitOptions& options) {
  std::string text =
      cat("method=", options.method.method().word,
          "\nquantization=", quantizations()[static_cast<size_t>(options.train.quantization)],
          "\nshots=", options.shots, "\nclasses=", half_name(options.half),
          "\nseed=", options.train.seed,
          "\nexif-orientation=", options.features.decode.exif_orientation, "\n");
  FitOptions copy = options;
  for (const Field& field : fit_fields(copy)) {
    // These decide when, not what.
    if (field.name == "checkpoint-seconds" || field.name == "pixel-memory") continue;
    text += field.name + "=" + field.print() + "\n";
  }
  const Method& row = options.method.method();
  text += cat("gradient-rule=", row.gradient_rule, "\n");
  for (const TermUse& use : row.objective) {
    text += cat("term=", use.term, " ", use.weight, " ", use.group, "\n");
  }
  return text;
}

FitResult fit_prompt(const Clip& clip, const Split& split, const FitOptions& options) {
  return train::fit(clip, split, options);
}

FitResult fit_prompt(const Clip& clip, const Split& split, const FitOptions& options, Log& log) {
  LogObserver shown(log);
  FitOptions watched = options;
  if (watched.train.observer == nullptr) watched.train.observer = &shown;
  FitResult result = fit_prompt(clip, split, watched);
  for (const Finding& finding : result.findings) {
    if (finding.warns) log.warn(finding.text);
  }
  return result;
}

}  // namespace qprompt
