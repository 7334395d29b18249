#include "cli/training_watch.h"

#include <charconv>
#include <chrono>
#include <filesystem>
#include <sstream>

#include "base/runtime.h"
#include "cli/event_file.h"
#include "report/table.h"

namespace qprompt::cli {
namespace fs = std::filesystem;
namespace {

constexpr const char* kHeader = "epoch,steps,learning_rate,loss,seconds\n";
constexpr double kSecondsBetweenWrites = 1;
constexpr int64_t kMaxCurve = 64 << 20;

double wall_seconds() {
  return std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch()).count();
}

std::string short_number(double value) {
  char text[32];
  std::snprintf(text, sizeof text, "%.4g", value);
  return text;
}

}  // namespace

TrainingWatch::TrainingWatch(Log& log, TrainingWatchOptions options)
    : SignalObserver(log), log_(log), options_(std::move(options)), started_(now_seconds()) {
  if (options_.tensorboard.empty()) return;
  make_folder(options_.tensorboard);
  event_path_ = (fs::path(options_.tensorboard) / event_file_name(wall_seconds())).string();
  events_ = event_header(wall_seconds());
}

std::string TrainingWatch::time_left(double done) const {
  if (first_done_ < 0 || done <= first_done_) return "";
  const double each = (now_seconds() - started_) / (done - first_done_);
  return duration(each * (1 - done)) + " left";
}

Stop TrainingWatch::step(std::string_view what, int64_t done, int64_t total) {
  if (what != "training") return SignalObserver::step(what, done, total);
  const double share = total > 0 ? double(done) / double(total) : 1;
  if (first_done_ < 0) {
    first_done_ = total > 0 ? double(done - 1) / double(total) : 0;
    started_ = now_seconds();
  }
  const std::string left = time_left(share);
  std::string label(what);
  if (!shown_.empty()) label += ", " + shown_;
  if (!left.empty()) label += ", " + left;
  return SignalObserver::step(label, done, total);
}

void TrainingWatch::epoch(const EpochReport& report) {
  if (!begun_) {
    begun_ = true;
    return keep_earlier_rows(report.epoch);
  }
  shown_ = cat("loss ", short_number(report.loss), ", rate ", short_number(report.learning_rate));
  if (!options_.terminal) {
    const double share = report.epochs > 0 ? double(report.epoch) / double(report.epochs) : 1;
    const std::string left = report.epoch < report.epochs ? time_left(share) : "";
    log_.note(cat("epoch ", report.epoch, " of ", report.epochs, ": ", shown_,
                  left.empty() ? "" : ", " + left));
  }
  rows_.push_back(cat(report.epoch, ',', report.steps, ',', short_number(report.learning_rate), ',',
                      report.loss, ',', now_seconds() - started_, '\n'));
  add_events(report);
  changed_ = true;
  if (now_seconds() - saved_ >= kSecondsBetweenWrites) finish();
}

void TrainingWatch::add_events(const EpochReport& report) {
  if (event_path_.empty()) return;
  const double now = wall_seconds();
  events_ += event_record({"train/loss", report.epoch, now, static_cast<float>(report.loss)});
  events_ += event_record(
      {"train/learning_rate", report.epoch, now, static_cast<float>(report.learning_rate)});
}

/// The curve of the epochs that a checkpoint held; nothing where there is none.
void TrainingWatch::keep_earlier_rows(int64_t epochs) {
  std::error_code error;
  if (options_.csv.empty() || epochs == 0 || !fs::exists(options_.csv, error)) return;
  std::istringstream file(read_file(options_.csv, kMaxCurve));
  for (std::string line; std::getline(file, line);) {
    int64_t epoch = 0;
    const bool row =
        std::from_chars(line.data(), line.data() + line.size(), epoch).ec == std::errc();
    if (row && epoch >= 1 && epoch <= epochs) rows_.push_back(line + "\n");
  }
}

void TrainingWatch::finish() {
  if (!changed_) return;
  changed_ = false;
  saved_ = now_seconds();
  if (!options_.csv.empty()) {
    std::string text = kHeader;
    for (const std::string& row : rows_) text += row;
    write_file_atomic(options_.csv, text);
  }
  if (!event_path_.empty()) write_file_atomic(event_path_, events_);
}

}  // namespace qprompt::cli
