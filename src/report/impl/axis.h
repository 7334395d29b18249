// Ticks and texts of a chart's axes.
#pragma once

#include <string>
#include <vector>

namespace qprompt::report {

struct Tick {
  double value = 0;
  std::string text;  ///< lines with '\n' between
};
struct Axis {
  double low = 0, high = 1;
  std::vector<Tick> ticks = {};
  int text_lines = 1;  ///< of the tick with the most
  /// 0 at `low`, 1 at `high`.
  double share(double value) const { return (value - low) / (high - low); }
};
/// About `count` round ticks; the axis ends at ticks when `round_ends`, else at the values.
Axis number_axis(double low, double high, int count, bool round_ends);
/// One tick a place, at 0, 1, …; names too long for their share of `width` are broken at blanks,
/// and where that is not enough, cut short.
Axis place_axis(const std::vector<std::string>& places, double width);

/// Pixels that a text of 12-pixel letters takes, roughly, from above.
double text_width(const std::string& text);
/// "12.3", without "-0.0".
std::string fixed(double value, int digits = 1);
/// `digits` significant ones, as short as that goes: "0.001", "1.2e-05".
std::string short_number(double value, int digits);
/// A <text>; `anchor` is start, middle or end.
std::string text_at(double x, double y, const char* anchor, const std::string& text,
                    const char* kind = "");

}  // namespace qprompt::report
