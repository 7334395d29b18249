#include "train/impl/record.h"

#include <cmath>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "qprompt/version.h"
#include "qprompt/weights.h"

namespace qprompt::train {
namespace fs = std::filesystem;
namespace {

using Json = nlohmann::ordered_json;

constexpr int64_t kMaxRecord = 256 << 20;
/// 2: optimizers, the selected epoch, resumed steps.
constexpr int kRecordFormat = 2;

/// A field's value as JSON: a number or boolean where it reads as one.
Json field_value(const Field& field) {
  const std::string text = field.print();
  const Json parsed = Json::parse(text, nullptr, false);
  return parsed.is_number() || parsed.is_boolean() ? parsed : Json(text);
}

Json configuration(const FitOptions& options) {
  FitOptions copy = options;
  Json out;
  out["method"] = options.method.method().label;
  out["quantization"] = quantizations()[static_cast<size_t>(options.train.quantization)];
  for (const Field& field : fit_fields(copy)) out[field.name] = field_value(field);
  out["shots"] = options.shots;
  out["classes"] = half_name(options.half);
  out["seed"] = options.train.seed;
  out["exif-orientation"] = options.features.decode.exif_orientation;
  return out;
}

Json reclusterings(const TrainResult& run) {
  Json out = Json::object();
  for (const TensorEvents& tensor : run.reclusterings) {
    Json events = Json::array();
    for (const ReclusterEvent& event : tensor.events) {
      events.push_back({{"step", event.step},
                        {"kl", std::isfinite(event.kl) ? Json(event.kl) : Json(nullptr)},
                        {"refitted", event.refitted}});
    }
    out[tensor.tensor] = events;
  }
  return out;
}

Json epochs(const TrainResult& run) {
  Json out = Json::array();
  for (const EpochRecord& epoch : run.epochs) {
    out.push_back({{"learning_rate", epoch.learning_rate}, {"loss", epoch.loss}});
  }
  return out;
}

Json warnings_json(const Findings& findings) {
  Json out = Json::array();
  for (const Finding& finding : findings) {
    if (finding.warns) out.push_back(finding.text);
  }
  return out;
}

}  // namespace

void write_record(const RecordSource& source, const FitResult& result) {
  const RuntimeInfo runtime = runtime_info();
  Json record;
  record["format"] = kRecordFormat;
  record["format"] = 1;
  record["qprompt"] = kVersion;
  record["key"] = source.key;
  record["configuration"] = configuration(source.options);
  record["fingerprint"] = to_hex(source.clip.fingerprint());
  record["data"] = {{"name", source.split.name},
                    {"classes", source.split.class_names.size()},
                    {"train_images", source.split.train.size()}};
  record["runtime"] = {{"torch", runtime.torch},
                       {"blas", runtime.blas},
                       {"allocator", runtime.allocator},
                       {"threads", runtime.threads},
                       {"product", Clip::product()},
                       {"class_chunk", source.run.class_chunk},
                       {"image_chunk", source.run.image_chunk},
                       {"device", source.options.device},
                       {"dtype", source.options.dtype}};
  record["steps"] = source.run.steps;
  record["epochs"] = epochs(source.run);
  record["reclusterings"] = reclusterings(source.run);
  record["features"] = {{"views", source.use.views}, {"encoded", source.use.encoded}};
  record["selected_epoch"] = source.run.selected_epoch;
  record["resumed_steps"] = source.run.resumed_steps;
  record["resumed_epoch"] =
      source.run.resumed_steps * source.options.train.epochs / source.run.steps;
  record["seconds"] = {{"features", source.use.seconds},
                       {"training", source.run.train_seconds},
                       {"total", result.seconds}};
  record["peak_memory_bytes"] = peak_memory_bytes();
  record["prompt"] = {{"file_bytes", result.file_bytes}};
  record["warnings"] = warnings_json(result.findings);
  write_file_atomic((fs::path(source.options.out) / "run.json").string(), record.dump(2) + "\n");
}

bool finished_run(const std::string& folder, const std::string& key, FitResult& result) {
  const std::string path = (fs::path(folder) / "run.json").string();
  if (!fs::exists(path) || !fs::exists(result.path)) return false;
  const Json record = Json::parse(read_file(path, kMaxRecord), nullptr, false);
  if (!record.is_object() || record.value("key", "") != key) return false;
  try {
    result.prompt = read_prompt(result.path);
  } catch (const Error&) {
    return false;  // damaged since: train it again
  }
  result.file_bytes = static_cast<int64_t>(fs::file_size(result.path));
  result.seconds = record.value("/seconds/total"_json_pointer, 0.0);
  result.kept = true;
  return true;
}

}  // namespace qprompt::train
