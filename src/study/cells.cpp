// A finished cell is a folder cells/<digest> with `result.json`, written last and whole: what has
// it is done. Before that the folder holds what `fit_prompt` keeps (checkpoint, prompt, record)
// and, of watched cells, the prompt after each epoch. Every one of these files is whole or absent,
// so a kill at any moment costs at most the epochs since the last checkpoint.
#include "study/cells.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <ATen/core/Tensor.h>

#include <cerrno>
#include <cmath>
#include <cstring>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "qprompt/version.h"
#include "qprompt/weights.h"
#include "study/statistics.h"

namespace qprompt::study {
namespace fs = std::filesystem;
namespace {

using Json = nlohmann::ordered_json;

constexpr int64_t kMaxFile = 256 << 20;

std::string epoch_file(const std::string& folder, const char* kind, int64_t epoch) {
  return (fs::path(folder) / cat(kind, "-", epoch, ".qprompt")).string();
}
std::string prompt_file(const std::string& folder, int64_t epoch) {
  return epoch_file(folder, "epoch", epoch);
}
std::string weights_file(const std::string& folder, int64_t epoch) {
  return epoch_file(folder, "weights", epoch);
}
std::string result_file(const std::string& folder) {
  return (fs::path(folder) / "result.json").string();
}

/// Keeps the prompts of some epochs.
class EpochWatch : public Observer {
 public:
  EpochWatch(const Cell& cell, const std::string& folder, std::vector<int64_t> epochs)
      : cell_(cell), folder_(folder), epochs_(std::move(epochs)) {}
  void epoch(const EpochReport& report) override {
    if (std::find(epochs_.begin(), epochs_.end(), report.epoch) == epochs_.end()) return;
    if (cell_.curve) write_file_atomic(prompt_file(folder_, report.epoch), report.prompt());
    if (cell_.weights) {
      write_file_atomic(weights_file(folder_, report.epoch), report.exact_prompt());
    }
  }

 private:
  const Cell& cell_;
  const std::string& folder_;
  std::vector<int64_t> epochs_;
};

bool has_all(const std::string& folder, const std::vector<int64_t>& epochs,
             std::string (*name)(const std::string&, int64_t)) {
  return std::all_of(epochs.begin(), epochs.end(),
                     [&](int64_t epoch) { return fs::exists(name(folder, epoch)); });
}

/// How often centres were fitted, from the run record.
int64_t fits_of(const std::string& folder) {
  const std::string path = (fs::path(folder) / "run.json").string();
  const Json record = Json::parse(read_file(path, kMaxFile), nullptr, false);
  if (!record.is_object() || !record.contains("reclusterings")) {
    fail(ErrorKind::kContent, "'", path, "' is damaged; remove its folder");
  }
  int64_t fits = 0;
  for (const Json& events : record["reclusterings"]) {
    for (const Json& event : events) fits += event.value("refitted", false) ? 1 : 0;
  }
  return fits;
}

Json result_json(const Trained& result) {
  Json out{{"seed", result.seed.seed}, {"payload_bytes", result.payload_bytes},
           {"base", result.seed.base}, {"new", result.seed.fresh},
           {"fits", result.seed.fits}, {"initial_deviation", result.seed.initial_deviation},
           {"curve", Json::array()}};
  for (const StudyPoint& point : result.seed.curve) {
    out["curve"].push_back({point.epoch, point.base, point.fresh});
  }
  return out;
}

/// False when there is no whole result, or none with the curve that is asked for now.
bool read_result(const std::string& folder, const Cell& cell, Trained& result) {
  if (!fs::exists(result_file(folder))) return false;
  const std::vector<int64_t> epochs = watched_epochs(cell.fit.train.epochs);
  try {
    const Json json = Json::parse(read_file(result_file(folder), kMaxFile));
    result.seed.seed = json.at("seed");
    result.payload_bytes = json.at("payload_bytes");
    result.seed.base = json.at("base");
    result.seed.fresh = json.at("new");
    result.seed.fits = json.at("fits");
    result.seed.initial_deviation = json.at("initial_deviation");
    result.seed.curve.clear();
    for (const Json& point : json.at("curve")) {
      result.seed.curve.push_back({point.at(0), point.at(1), point.at(2)});
    }
  } catch (const Json::exception&) {
    return false;
  }
  result.kept = true;
  return (!cell.curve || result.seed.curve.size() == epochs.size()) &&
         (!cell.weights || has_all(folder, epochs, weights_file));
}

/// What a killed process was writing; nobody else is at work here.
void remove_leftovers(const std::string& folder) {
  std::error_code ignored;
  for (const auto& entry : fs::directory_iterator(folder, ignored)) {
    if (entry.path().filename().string().find(".tmp-") != std::string::npos) {
      fs::remove(entry.path(), ignored);
    }
  }
}

std::string identity_of(const Clip& clip, const Split& split, const StudyOptions& options) {
  Digest digest;
  digest.update_text(cat(kVersion, " ", to_hex(clip.fingerprint()), " ", split.name, " ",
                         options.fit.features.decode.exif_orientation, " ", runtime_info().threads,
                         " ", options.fit.device, " ", options.fit.dtype));
  for (const std::string& name : split.class_names) digest.update_text(name);
  for (const auto* list : {&split.train, &split.test}) {
    digest.update_text(cat(list->size()));
    for (const Item& item : *list) digest.update_text(cat(item.label, " ", item.path));
  }
  return digest.hex();
}

}  // namespace

OnlyMe::OnlyMe(const std::string& folder) {
  make_folder(folder);
  const std::string path = (fs::path(folder) / "lock").string();
  descriptor_ = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0666);
  if (descriptor_ < 0) fail(ErrorKind::kPath, "cannot write '", path, "': ", std::strerror(errno));
  if (::flock(descriptor_, LOCK_EX | LOCK_NB) != 0) {
    ::close(descriptor_);
    fail(ErrorKind::kPath, "another study is at work in '", folder,
         "'; wait for it, or give another --out");
  }
  remove_leftovers(folder);
}

OnlyMe::~OnlyMe() { ::close(descriptor_); }

Workplace::Workplace(const Clip& clip, const Split& split, const StudyOptions& options, Log& log)
    : clip_(clip),
      split_(split),
      options_(options),
      identity_(identity_of(clip, split, options)),
      base_(open_test_set(clip, split, Half::kBase, options.fit.features, log)),
      fresh_(open_test_set(clip, split, Half::kNew, options.fit.features, log)) {}

std::string Workplace::folder_of(const Cell& cell, uint64_t seed) const {
  Digest digest;
  digest.update_text(identity_);
  digest.update_text(settings_text(cell.fit));
  digest.update_text(cat(seed));
  return (fs::path(options_.out) / "cells" / digest.hex()).string();
}

const Split& Workplace::draw(uint64_t seed, Log& log) {
  const auto found = draws_.find(seed);
  if (found != draws_.end()) return found->second;
  Log quiet;  // warnings of small classes would repeat for every seed
  Split drawn = draw_few_shot(split_, options_.fit.shots, seed, draws_.empty() ? log : quiet);
  return draws_.emplace(seed, select_half(drawn, Half::kBase)).first->second;
}

StudyPoint Workplace::score(const TrainedPrompt& prompt, int64_t epoch) const {
  return {epoch, score_prompt(clip_, prompt, base_).accuracy(),
          score_prompt(clip_, prompt, fresh_).accuracy()};
}

Trained Workplace::work(const Cell& cell, uint64_t seed, Log& log) {
  const std::string folder = folder_of(cell, seed);
  Trained result;
  if (!read_result(folder, cell, result)) {
    result = train(cell, seed, folder, log);
    write_file_atomic(result_file(folder), result_json(result).dump(1) + "\n");
  }
  if (!cell.curve) return result;
  std::error_code ignored;  // also of a cell whose process was killed right here
  for (const int64_t epoch : watched_epochs(cell.fit.train.epochs)) {
    fs::remove(prompt_file(folder, epoch), ignored);
  }
  return result;
}

Trained Workplace::train(const Cell& cell, uint64_t seed, const std::string& folder, Log& log) {
  remove_leftovers(folder);
  FitOptions fit = cell.fit;
  fit.train.seed = seed;
  fit.half = Half::kBase;
  fit.out = folder;
  fit.keep_finished = true;
  fit_watched(fit, cell, log);
  // From here on only the bytes of files count.
  const TrainedPrompt last = read_prompt((fs::path(folder) / "prompt.qprompt").string());
  const StudyPoint end = score(last, fit.train.epochs);
  Trained result;
  result.payload_bytes = last.payload_bytes();
  result.seed = {seed, end.base, end.fresh, fits_of(folder), 0, {}};
  if (!cell.curve) return result;
  for (const int64_t epoch : watched_epochs(fit.train.epochs)) {
    const TrainedPrompt then = read_prompt(prompt_file(folder, epoch));
    if (epoch == 0) {
      result.seed.initial_deviation = std::sqrt(moments(then.tensors.at(0).values()).variance);
    }
    result.seed.curve.push_back(score(then, epoch));
  }
  return result;
}

void Workplace::fit_watched(const FitOptions& fit, const Cell& cell, Log& log) {
  const std::vector<int64_t> epochs = watched_epochs(fit.train.epochs);
  EpochWatch watch(cell, fit.out, epochs);
  FitOptions watched = fit;
  watched.train.observer = &watch;
  const auto complete = [&] {
    return (!cell.curve || has_all(fit.out, epochs, prompt_file)) &&
           (!cell.weights || has_all(fit.out, epochs, weights_file));
  };
  Log quiet;
  fit_prompt(clip_, draw(fit.train.seed, log), watched, quiet);
  if (!complete()) {
    // It was trained, or begun, when nobody asked to watch it.
    std::error_code ignored;
    fs::remove_all(fit.out, ignored);
    fit_prompt(clip_, draw(fit.train.seed, log), watched, quiet);
  }
  for (const std::string& warning : quiet.warnings()) {
    if (warned_.insert(warning).second) log.warn(warning);
  }
}

std::vector<std::vector<float>> Workplace::weights(const Cell& cell, uint64_t seed) const {
  std::vector<std::vector<float>> all;
  for (const int64_t epoch : watched_epochs(cell.fit.train.epochs)) {
    all.push_back(read_prompt(weights_file(folder_of(cell, seed), epoch)).tensors.at(0).values());
  }
  return all;
}

}  // namespace qprompt::study
