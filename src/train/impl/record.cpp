#include "train/impl/record.h"

#include <unistd.h>

#include <cmath>
#include <ctime>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "base/runtime.h"
#include "qprompt/version.h"
#include "qprompt/weights.h"

namespace qprompt::train {
namespace fs = std::filesystem;
namespace {

using Json = nlohmann::ordered_json;

constexpr int64_t kMaxRecord = 256 << 20, kMaxPrompt = int64_t{1} << 30;
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
  out["shots"] = options.shots == 0 ? Json("all") : Json(options.shots);
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

bool is_there(const std::string& path) {
  std::error_code error;
  return fs::exists(path, error) || error;
}

/// run.json of a folder; null where there is none or it is no JSON.
Json read_record(const std::string& folder) {
  const std::string path = (fs::path(folder) / "run.json").string();
  return is_there(path) ? Json::parse(read_file(path, kMaxRecord), nullptr, false) : Json();
}

/// The text at a place of a record, empty where there is none: a record may hold anything.
std::string text_of(const Json& record, const std::string& place) {
  const Json::json_pointer at(place);
  return record.contains(at) && record[at].is_string() ? record[at].get<std::string>() : "";
}

/// "epochs (3, now 9), seed (1, now 2)", or what else decides a run.
std::string differences(const Json& record, const FitOptions& options) {
  constexpr int kShown = 6;
  const Json now = configuration(options);
  const Json before = record.value("configuration", Json::object());
  std::string text;
  int count = 0;
  for (const auto& [name, value] : now.items()) {
    if (!before.is_object() || !before.contains(name) || before[name] == value) continue;
    if (++count > kShown) return text + ", …";
    text += cat(text.empty() ? "settings: " : ", ", name, " (", before[name].dump(), ", now ",
                value.dump(), ")");
  }
  return text.empty() ? "data, model or number of threads" : text;
}

std::string host_name() {
  char name[256] = {};
  return ::gethostname(name, sizeof name - 1) == 0 ? name : "";
}

/// Seconds since 1970 as 2026-11-26T01:02:03Z.
std::string utc_time() {
  const std::time_t now = std::time(nullptr);
  std::tm parts{};
  ::gmtime_r(&now, &parts);
  char text[32];
  std::strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &parts);
  return text;
}

/// What repeats the run: the words, where things lie, which classes and images in which order.
Json origin_json(const RecordSource& source) {
  Json images = Json::array();
  for (const Item& item : source.split.train) images.push_back({item.path, item.label});
  return {{"command", source.options.command},
          {"clip", source.options.clip_path},
          {"data", source.options.data_path},
          {"image_root", source.split.image_root},
          {"class_names", source.split.class_names},
          {"train", images},
          {"host", host_name()},
          {"finished", utc_time()}};
}

}  // namespace

void write_record(const RecordSource& source, const FitResult& result) {
  const RuntimeInfo runtime = runtime_info();
  Json record;
  record["format"] = kRecordFormat;
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
  record["prompt"] = {{"file_bytes", result.file_bytes}, {"digest", result.digest}};
  record["origin"] = origin_json(source);
  record["warnings"] = warnings_json(result.findings);
  write_file_atomic((fs::path(source.options.out) / "run.json").string(),
                    record.dump(2, ' ', false, Json::error_handler_t::replace) + "\n");
}

std::string prompt_digest(const std::string& bytes) {
  Digest digest;
  digest.update(bytes.data(), bytes.size());
  return digest.hex();
}

bool finished_run(const FitOptions& options, const std::string& key, FitResult& result) {
  const Json record = read_record(options.out);
  if (!record.is_object() || text_of(record, "/key") != key || !is_there(result.path)) return false;
  const std::string bytes = read_file(result.path, kMaxPrompt);
  const std::string digest = text_of(record, "/prompt/digest");
  if (!digest.empty() && digest != prompt_digest(bytes)) return false;
  try {
    result.prompt = decode_prompt(bytes, result.path);
  } catch (const Error&) {
    return false;  // damaged since: train it again
  }
  result.file_bytes = static_cast<int64_t>(bytes.size());
  result.digest = prompt_digest(bytes);
  const auto seconds = Json::json_pointer("/seconds/total");
  if (record.contains(seconds) && record[seconds].is_number()) result.seconds = record[seconds];
  result.kept = true;
  return true;
}

void check_replaceable(const FitOptions& options, const std::string& key, const std::string& path) {
  const std::string checkpoint = (fs::path(options.out) / "checkpoint.safetensors").string();
  if (!is_there(path) || is_there(checkpoint)) return;  // a checkpoint answers for itself
  const Json record = read_record(options.out);
  const std::string what = "'" + path + "' is there already, ";
  const std::string advice = "; give another --out, or --overwrite to replace it";
  if (!record.is_object())
    fail(ErrorKind::kUsage, what, "and no run.json says from what run", advice);
  if (text_of(record, "/key") != key) {
    fail(ErrorKind::kUsage, what, "from a run with other ", differences(record, options), advice);
  }
  const std::string bytes = read_file(path, kMaxPrompt);
  const std::string digest = text_of(record, "/prompt/digest");
  if (digest.empty() || digest == prompt_digest(bytes)) return;  // this run's own
  try {
    decode_prompt(bytes, path);
  } catch (const Error&) {
    return;  // damaged: the same run makes it again
  }
  fail(ErrorKind::kUsage, what, "and is not the one that run.json beside it describes", advice);
}

}  // namespace qprompt::train
