#include "report/impl/axis.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <sstream>

#include "qprompt/base.h"
#include "report/page.h"

namespace qprompt::report {
namespace {

constexpr double kLetter = 6.7;  // pixels a letter, of 12

/// 1, 2 or 5 times a power of ten.
double round_step(double step) {
  const double power = std::pow(10, std::floor(std::log10(step)));
  for (const double times : {1.0, 2.0, 5.0}) {
    if (times * power >= step * (1 - 1e-9)) return times * power;
  }
  return 10 * power;
}

size_t letters(const std::string& text) {
  return static_cast<size_t>(
      std::count_if(text.begin(), text.end(), [](char c) { return (c & 0xc0) != 0x80; }));
}

/// The first `count` letters, the last of them an ellipsis when there were more.
std::string cut(const std::string& text, size_t count) {
  if (letters(text) <= count) return text;
  std::string out;
  size_t seen = 0;
  for (const char c : text) {
    if ((c & 0xc0) != 0x80 && ++seen >= std::max<size_t>(count, 2)) break;
    out += c;
  }
  return out + "…";
}

/// Lines of at most `width` letters, broken at blanks.
std::string broken(const std::string& text, size_t width) {
  std::string out, line;
  std::istringstream words(text);
  for (std::string word; words >> word;) {
    if (!line.empty() && letters(line) + 1 + letters(word) > width) {
      out += cut(line, width) + '\n';
      line.clear();
    }
    line += (line.empty() ? "" : " ") + word;
  }
  return out + cut(line, width);
}

}  // namespace

Axis number_axis(double low, double high, int count, bool round_ends) {
  if (!(low <= high)) low = 0, high = 1;
  if (low == high) {
    const double reach = low == 0 ? 1 : std::abs(low) * 0.1;
    low -= reach;
    high += reach;
  }
  const double step = round_step((high - low) / count);
  if (round_ends) {
    low = step * std::floor(low / step + 1e-9);
    high = step * std::ceil(high / step - 1e-9);
  }
  Axis axis{low, high};
  const int digits = std::max(0, -static_cast<int>(std::floor(std::log10(step) + 1e-9)));
  const bool plain = digits <= 4 && std::max(std::abs(low), std::abs(high)) < 1e6;
  for (double i = std::ceil(low / step - 1e-9); i * step <= high + step * 1e-9; ++i) {
    const double value = i * step;
    axis.ticks.push_back({value, plain ? fixed(value, digits) : short_number(value, 3)});
  }
  return axis;
}

Axis place_axis(const std::vector<std::string>& places, double width) {
  const auto count = static_cast<double>(std::max<size_t>(1, places.size()));
  Axis axis{-0.5, count - 0.5};
  const auto fits = static_cast<size_t>(std::max(2.0, (width / count - 4) / kLetter));
  for (size_t i = 0; i < places.size(); ++i) {
    const std::string text = broken(places[i], fits);
    axis.ticks.push_back({static_cast<double>(i), text});
    axis.text_lines =
        std::max(axis.text_lines, 1 + static_cast<int>(std::count(text.begin(), text.end(), '\n')));
  }
  return axis;
}

double text_width(const std::string& text) { return kLetter * double(letters(text)); }

std::string fixed(double value, int digits) {
  char text[48];
  std::snprintf(text, sizeof text, "%.*f", digits, value);
  const std::string out = text;
  return out.find_first_not_of("-0.") == std::string::npos && out[0] == '-' ? out.substr(1) : out;
}

std::string short_number(double value, int digits) {
  char text[48];
  std::snprintf(text, sizeof text, "%.*g", digits, value);
  return text;
}

std::string text_at(double x, double y, const char* anchor, const std::string& text,
                    const char* kind) {
  if (text.empty()) return "";
  return cat("<text", *kind == 0 ? "" : cat(" class=\"", kind, '"'), " x=\"", fixed(x), "\" y=\"",
             fixed(y), "\" text-anchor=\"", anchor, "\">", html_escape(text), "</text>");
}

}  // namespace qprompt::report
