// Room `base`: errors, log, progress, random numbers, shape checks, option fields, files.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <initializer_list>
#include <iosfwd>
#include <sstream>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace at {
class Tensor;
}

namespace qprompt {

/// Why something was refused; the value is the program's exit code. Stopped work can go on.
enum class ErrorKind {
  kUsage = 2,
  kContent = 3,
  kPath = 4,
  kInternal = 70,
  kStopped = 75,
  kInterrupted = 130
};

/// The one exception type. The message says what was expected, what came, where, and what to do.
class Error : public std::runtime_error {
 public:
  Error(ErrorKind kind, const std::string& message) : std::runtime_error(message), kind_(kind) {}
  ErrorKind kind() const { return kind_; }

 private:
  ErrorKind kind_;
};

/// Joins its arguments as `operator<<` prints them.
template <class... Args>
std::string cat(const Args&... args) {
  std::ostringstream out;
  (out << ... << args);
  return out.str();
}

/// Throws an Error whose message is the joined arguments.
template <class... Args>
[[noreturn]] void fail(ErrorKind kind, const Args&... args) {
  throw Error(kind, cat(args...));
}

/// Throws Error(kContent) unless `tensor` has exactly these sizes; -1 accepts any size of that
/// axis.
void check_shape(const at::Tensor& tensor, std::initializer_list<int64_t> sizes,
                 std::string_view what);

/// Throws Error(kContent) naming `what` when the tensor holds NaN or infinity.
void check_finite(const at::Tensor& tensor, std::string_view what);

/// Where notes, warnings and progress go; results never go here. Not to be shared by threads.
class Log {
 public:
  /// Writes to `out`; `quiet` drops notes and progress (warnings stay); `bar` draws progress bars.
  Log(std::ostream& out, bool quiet, bool bar) : out_(&out), quiet_(quiet), bar_(bar) {}
  /// Writes nothing but still keeps the warnings.
  Log() = default;

  void note(const std::string& message);
  void warn(const std::string& message);
  /// Shows `done` of `total` under `label`; the bar is redrawn in place and ends at done == total.
  void progress(std::string_view label, int64_t done, int64_t total);
  /// Every warning so far, for run records.
  const std::vector<std::string>& warnings() const { return warnings_; }

 private:
  void clear_bar();
  std::ostream* out_ = nullptr;
  bool quiet_ = true;
  bool bar_ = false, bar_shown_ = false;
  std::chrono::steady_clock::time_point last_drawn_{};
  std::vector<std::string> warnings_;
};

/// CPython's `random.Random(seed)`: MT19937 seeded by init_by_array, and the draws made from it.
class Rng {
 public:
  explicit Rng(uint64_t seed);
  uint32_t next_u32();
  /// Uniform in [0, n), n >= 1, as `_randbelow` draws it.
  int64_t below(int64_t n);
  /// Uniform in [0, 1) with 53 bits, as `random()`.
  double uniform();
  /// Standard normal by Box-Muller on `uniform` (ours; CPython's caches differently).
  double normal();
  /// k distinct indices of [0, n) in drawn order, as `random.sample(range(n), k)`; k <= n.
  std::vector<int64_t> sample(int64_t n, int64_t k);
  /// A permutation of [0, n), as `random.shuffle(list(range(n)))` leaves it.
  std::vector<int64_t> permutation(int64_t n);

 private:
  uint32_t state_[624];
  int index_ = 624;
};

/// One option of a program or library: default, help, parsing and printing in one place.
struct Field {
  std::string name;  ///< as on the command line, without dashes: "class-position"
  std::string help;  ///< one sentence; the choices of an enum are appended by `choice_field`
  std::function<std::string()> print;             ///< the current value as text
  std::function<void(const std::string&)> parse;  ///< sets it; throws Error(kUsage)
};
using Fields = std::vector<Field>;

struct Bounds {
  double low = -1e300, high = 1e300;  ///< inclusive
};
Field number_field(std::string name, std::string help, int64_t& target, Bounds bounds);
Field number_field(std::string name, std::string help, double& target, Bounds bounds);
Field text_field(std::string name, std::string help, std::string& target);
Field flag_field(std::string name, std::string help, bool& target);
/// Index of `text` in `names`; throws kUsage listing them.
size_t parse_choice(const std::string& text, const std::vector<std::string>& names);
/// An enum of contiguous values 0, 1, …, written as `names[value]`.
template <class Enum>
Field choice_field(std::string name, std::string help, Enum& target,
                   std::vector<std::string> names) {
  return {std::move(name), std::move(help),
          [&target, names] { return names.at(static_cast<size_t>(target)); },
          [&target, names](const std::string& text) {
            target = static_cast<Enum>(parse_choice(text, names));
          }};
}

/// The whole file as bytes. Throws kPath when unreadable, kContent when larger than `max_bytes`.
std::string read_file(const std::string& path, int64_t max_bytes);
/// Writes the file whole or not at all: beside it, fsync, rename. Throws kPath and leaves nothing.
void write_file_atomic(const std::string& path, std::string_view bytes);
/// Makes the folder and its parents; throws kPath.
void make_folder(const std::string& path);

}  // namespace qprompt
