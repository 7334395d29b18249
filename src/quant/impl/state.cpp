// A quantizer's state as bytes, for checkpoints. Little-endian: "QPQ1", the options, steps, the
// last fit, the number of centres, centres and histogram (doubles by their bits), the number of
// events, the events.
#include <bit>
#include <cmath>

#include "qprompt/quant.h"

namespace qprompt {
namespace {

constexpr uint64_t kMagic = 0x31515051;  // "QPQ1" in the low four bytes
constexpr int64_t kMostSteps = int64_t{1} << 48;

void put(std::string& out, uint64_t value) {
  for (int i = 0; i < 8; ++i) out.push_back(static_cast<char>(value >> (8 * i)));
}
void put(std::string& out, double value) { put(out, std::bit_cast<uint64_t>(value)); }

/// Reads 8-byte words, each of them checked against the end.
class Reader {
 public:
  explicit Reader(const std::string& bytes) : bytes_(bytes) {}

  uint64_t word() {
    if (left() < 8) refuse("ends too early");
    uint64_t value = 0;
    for (int i = 0; i < 8; ++i) {
      value |= uint64_t{static_cast<uint8_t>(bytes_[at_ + i])} << (8 * i);
    }
    at_ += 8;
    return value;
  }
  double real() { return std::bit_cast<double>(word()); }
  int64_t whole(int64_t low, int64_t high, const char* what) {
    const auto value = std::bit_cast<int64_t>(word());
    if (value < low || value > high) refuse(what);
    return value;
  }
  size_t left() const { return bytes_.size() - at_; }
  [[noreturn]] void refuse(const std::string& why) const {
    fail(ErrorKind::kContent, "this is not a quantizer's state: byte ", at_, " of ", bytes_.size(),
         ": ", why, "; start the training anew");
  }

 private:
  const std::string& bytes_;
  size_t at_ = 0;
};

void put_options(std::string& out, const QuantizerOptions& options) {
  put(out, static_cast<uint64_t>(options.bits));
  put(out, uint64_t{options.normalise});
  put(out, static_cast<uint64_t>(options.schedule));
  put(out, static_cast<uint64_t>(options.interval));
  put(out, options.kl_threshold);
}

void check_options(Reader& in, const QuantizerOptions& options) {
  std::string mine;
  put_options(mine, options);
  for (Reader reader(mine); reader.left() > 0;) {
    if (in.word() != reader.word()) {
      in.refuse("it was saved with other quantizer options than this run's");
    }
  }
}

std::vector<double> finite_reals(Reader& in, size_t count, double low) {
  std::vector<double> values(count);
  for (double& value : values) {
    value = in.real();
    if (!std::isfinite(value) || value < low) in.refuse("a number that cannot be");
  }
  return values;
}

std::vector<ReclusterEvent> read_events(Reader& in, int64_t steps) {
  // The count is bounded by the bytes at hand before anything is allocated.
  const auto most = static_cast<int64_t>(in.left() / 24);
  const int64_t count = in.whole(0, most, "more events than bytes");
  std::vector<ReclusterEvent> events(static_cast<size_t>(count));
  for (auto& event : events) {
    event.step = in.whole(0, steps, "an event after the last step");
    event.kl = in.real();
    event.refitted = in.whole(0, 1, "neither refitted nor not") == 1;
  }
  return events;
}

}  // namespace

std::string Quantizer::save_state() const {
  std::string out;
  put(out, kMagic);
  put_options(out, options_);
  put(out, static_cast<uint64_t>(steps_));
  put(out, std::bit_cast<uint64_t>(last_fit_));
  put(out, uint64_t{centres_.size()});
  for (const double centre : centres_) put(out, centre);
  for (const double count : fitted_histogram_) put(out, count);
  put(out, uint64_t{events_.size()});
  for (const auto& event : events_) {
    put(out, static_cast<uint64_t>(event.step));
    put(out, event.kl);
    put(out, uint64_t{event.refitted});
  }
  return out;
}

void Quantizer::load_state(const std::string& bytes) {
  Reader in(bytes);
  if (in.word() != kMagic) in.refuse("it does not begin with QPQ1");
  check_options(in, options_);
  Quantizer loaded(options_);  // nothing of this one changes before all is read
  loaded.steps_ = in.whole(0, kMostSteps, "an impossible number of steps");
  loaded.last_fit_ = in.whole(-1, loaded.steps_, "a last fit after the last step");
  const int64_t k = in.whole(0, int64_t{1} << options_.bits, "more centres than codes");
  if ((k == 0) != (loaded.last_fit_ < 0)) in.refuse("centres without a fit, or a fit without any");
  loaded.centres_ = finite_reals(in, static_cast<size_t>(k), -HUGE_VAL);
  for (size_t i = 1; i < loaded.centres_.size(); ++i) {
    if (loaded.centres_[i] < loaded.centres_[i - 1]) in.refuse("centres that descend");
  }
  loaded.fitted_histogram_ = finite_reals(in, static_cast<size_t>(k), 0);
  loaded.events_ = read_events(in, loaded.steps_);
  if (in.left() != 0) in.refuse("bytes after the end");
  *this = std::move(loaded);
}

}  // namespace qprompt
