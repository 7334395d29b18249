#include "report/svg.h"

#include <algorithm>
#include <cmath>
#include <cstdio>

#include "qprompt/base.h"

namespace qprompt::report {
namespace {

constexpr double kWidth = 420, kHeight = 280, kLeft = 46, kRight = 12, kTop = 28, kBottom = 34;
// Okabe and Ito's colours, told apart by colour-blind eyes too.
constexpr const char* kColours[] = {"#0072b2", "#d55e00", "#009e73", "#cc79a7",
                                    "#e69f00", "#56b4e9", "#000000"};

std::string fixed(double value, int digits = 1) {
  char text[48];
  std::snprintf(text, sizeof text, "%.*f", digits, value);
  return text;
}

/// Where percent and places lie on the page.
struct Scale {
  double low = 0, high = 100;
  size_t places = 1;
  double x(size_t place) const {
    const double span = kWidth - kLeft - kRight;
    return kLeft + span * (static_cast<double>(place) + 0.5) / static_cast<double>(places);
  }
  double y(double value) const {
    const double span = kHeight - kTop - kBottom;
    return kTop + span * (high - value) / (high - low);
  }
};

Scale scale_of(const Chart& chart) {
  Scale scale{100, 0, std::max<size_t>(1, chart.places.size())};
  for (const Chart::Series& series : chart.series) {
    for (size_t i = 0; i < series.values.size(); ++i) {
      if (!series.values[i]) continue;
      scale.low = std::min(scale.low, *series.values[i] - series.deviations[i]);
      scale.high = std::max(scale.high, *series.values[i] + series.deviations[i]);
    }
  }
  if (scale.low > scale.high) return {0, 100, scale.places};
  scale.low = std::max(0.0, 5 * std::floor(scale.low / 5));
  scale.high = std::max(scale.low + 5, 5 * std::ceil(scale.high / 5));
  return scale;
}

std::string text_at(double x, double y, const char* anchor, const std::string& text) {
  return cat("<text x=\"", fixed(x), "\" y=\"", fixed(y), "\" text-anchor=\"", anchor, "\">",
             html_escape(text), "</text>");
}

std::string axes(const Chart& chart, const Scale& scale) {
  std::string out = text_at(kLeft, 16, "start", chart.title);
  const double step = scale.high - scale.low > 40 ? 20 : scale.high - scale.low > 15 ? 10 : 5;
  for (double v = step * std::ceil(scale.low / step); v <= scale.high + 1e-9; v += step) {
    out += cat("<line class=\"grid\" x1=\"", fixed(kLeft), "\" x2=\"", fixed(kWidth - kRight),
               "\" y1=\"", fixed(scale.y(v)), "\" y2=\"", fixed(scale.y(v)), "\"/>");
    out += text_at(kLeft - 6, scale.y(v) + 4, "end", fixed(v, 0));
  }
  for (size_t i = 0; i < chart.places.size(); ++i) {
    out += text_at(scale.x(i), kHeight - kBottom + 18, "middle", chart.places[i]);
  }
  return out;
}

std::string curve(const Chart::Series& series, const Scale& scale, const char* colour) {
  std::string points, marks;
  for (size_t i = 0; i < series.values.size(); ++i) {
    if (!series.values[i]) continue;
    const std::string x = fixed(scale.x(i)), y = fixed(scale.y(*series.values[i]));
    const double d = series.deviations[i];
    points += cat(x, ",", y, " ");
    marks +=
        cat("<line x1=\"", x, "\" x2=\"", x, "\" y1=\"", fixed(scale.y(*series.values[i] - d)),
            "\" y2=\"", fixed(scale.y(*series.values[i] + d)), "\"/><circle cx=\"", x, "\" cy=\"",
            y, "\" r=\"3\" fill=\"", colour, "\"><title>", html_escape(series.name), ": ",
            percent(*series.values[i], d > 0 ? d : -1), "</title></circle>");
  }
  return cat("<g stroke=\"", colour, "\" fill=\"none\"><polyline points=\"", points, "\"/>", marks,
             "</g>");
}

}  // namespace

std::string line_chart(const Chart& chart) {
  const Scale scale = scale_of(chart);
  const double legend = 18 * static_cast<double>(chart.series.size());
  std::string out = cat("<svg class=\"chart\" viewBox=\"0 0 ", fixed(kWidth, 0), " ",
                        fixed(kHeight + legend, 0), "\" width=\"", fixed(kWidth, 0),
                        "\" role=\"img\" aria-label=\"", html_escape(chart.title), "\">");
  out += axes(chart, scale);
  for (size_t s = 0; s < chart.series.size(); ++s) {
    const char* colour = kColours[s % std::size(kColours)];
    out += curve(chart.series[s], scale, colour);
    const double y = kHeight + 18 * static_cast<double>(s);
    out += cat("<rect x=\"", fixed(kLeft), "\" y=\"", fixed(y - 4), "\" width=\"16\" height=\"4\" ",
               "fill=\"", colour, "\"/>");
    out += text_at(kLeft + 22, y + 2, "start", chart.series[s].name);
  }
  return out + "</svg>\n";
}

std::string confusion_matrix(const ClassCounts& counts) {
  const size_t n = counts.names.size();
  const double cell = n <= 24 ? 14 : 8, size = cell * static_cast<double>(n);
  std::string out =
      cat("<svg class=\"matrix\" viewBox=\"0 0 ", fixed(size, 0), " ", fixed(size, 0),
          "\" width=\"", fixed(size, 0), "\" role=\"img\" aria-label=\"confusion matrix\">",
          "<rect class=\"back\" width=\"100%\" height=\"100%\"/>");
  for (const auto& [pair, images] : counts.hits) {
    const auto truth = static_cast<size_t>(pair.first), predicted = size_t(pair.second);
    const double share = double(images) / double(std::max<int64_t>(1, counts.total[truth]));
    out += cat("<rect x=\"", fixed(cell * double(predicted), 0), "\" y=\"",
               fixed(cell * double(truth), 0), "\" width=\"", fixed(cell, 0), "\" height=\"",
               fixed(cell, 0), "\" fill=\"", truth == predicted ? "#009e73" : "#d55e00",
               "\" fill-opacity=\"", fixed(0.12 + 0.88 * share, 2), "\"><title>",
               html_escape(counts.names[truth]), " as ", html_escape(counts.names[predicted]), ": ",
               images, " of ", counts.total[truth], "</title></rect>");
  }
  return out + "</svg>\n";
}

}  // namespace qprompt::report
