#include "report/chart.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <sstream>

#include "qprompt/base.h"
#include "report/impl/axis.h"
#include "report/page.h"

namespace qprompt {
namespace {

using report::Axis;
using report::fixed;
using report::text_at;

constexpr double kWidth = 380, kPlotHeight = 200, kTop = 8, kRight = 16, kLegendRow = 18;

/// Where the plot lies on the canvas, and its axes.
struct Frame {
  double left = 0, top = 0, bottom = 0, height = 0;  ///< `height` of the whole canvas
  Axis x, y;
  double at_x(double v) const { return left + (kWidth - kRight - left) * x.share(v); }
  double at_y(double v) const { return bottom - (bottom - top) * y.share(v); }
};

std::string svg(const std::string& id, const std::string& caption, double height,
                const std::string& content) {
  return cat("<figure id=\"", id, "\"><svg viewBox=\"0 0 ", fixed(kWidth, 0), " ", fixed(height, 0),
             "\" role=\"img\" aria-label=\"", html_escape(caption), "\">\n", content,
             "</svg><figcaption>", html_escape(caption), "</figcaption></figure>\n");
}

std::string line_at(const char* kind, double x1, double y1, double x2, double y2) {
  return cat("<line class=\"", kind, "\" x1=\"", fixed(x1), "\" y1=\"", fixed(y1), "\" x2=\"",
             fixed(x2), "\" y2=\"", fixed(y2), "\"/>");
}

std::string colour_of(const Chart& chart, size_t series) {
  const int64_t own = chart.series[series].colour;
  const int64_t place = (own < 0 ? int64_t(series) : own) % kSeriesColours;
  return cat("<g style=\"--c:var(--", chart.ordered ? 'o' : 's', place, ")\">");
}

/// The names of the series in rows above the plot; `top` moves below them.
std::string legend(const Chart& chart, double& top) {
  std::string out;
  double x = kRight, y = kTop + 8;
  for (size_t s = 0; s < chart.series.size(); ++s) {
    const Series& series = chart.series[s];
    if (series.name.empty()) continue;
    const double width = 22 + report::text_width(series.name) + 14;
    if (x > kRight && x + width > kWidth) {
      x = kRight;
      y += kLegendRow;
    }
    out += colour_of(chart, s) + line_at(series.dashed ? "line dashed" : "line", x, y, x + 16, y) +
           "</g>" + text_at(x + 22, y + 4, "start", series.name) + "\n";
    x += width;
    top = y + 14;
  }
  return out;
}

/// Ticks with their texts, lines across, and the axes' titles.
std::string axes(const Chart& chart, const Frame& frame) {
  std::string out;
  for (const report::Tick& tick : frame.y.ticks) {
    const double y = frame.at_y(tick.value);
    out += line_at("grid", frame.left, y, kWidth - kRight, y) +
           text_at(frame.left - 5, y + 4, "end", tick.text) + "\n";
  }
  out += line_at("axis", frame.left, frame.bottom, kWidth - kRight, frame.bottom) +
         line_at("axis", frame.left, frame.top, frame.left, frame.bottom) + "\n";
  for (const report::Tick& tick : frame.x.ticks) {
    std::istringstream lines(tick.text);
    double y = frame.bottom + 16;
    for (std::string line; std::getline(lines, line); y += 14) {
      out += text_at(frame.at_x(tick.value), y, "middle", line);
    }
    out += '\n';
  }
  out += text_at((frame.left + kWidth - kRight) / 2, frame.height - 5, "middle", chart.x_label,
                 "title");
  const double middle = (frame.top + frame.bottom) / 2;
  return out + cat("<g transform=\"translate(12 ", fixed(middle), ") rotate(-90)\">",
                   text_at(0, 0, "middle", chart.y_label, "title"), "</g>\n");
}

Frame frame_of(const Chart& chart, double top) {
  Frame frame;
  frame.top = top;
  frame.bottom = top + kPlotHeight;
  double low = HUGE_VAL, high = -HUGE_VAL, first = HUGE_VAL, last = -HUGE_VAL;
  for (const Series& series : chart.series) {
    for (const Mark& m : series.marks) {
      low = std::min(low, m.y - m.deviation);
      high = std::max(high, m.y + m.deviation);
      first = std::min(first, m.x);
      last = std::max(last, m.x);
    }
  }
  if (chart.shape == Marks::kSteps && !chart.series.empty() && chart.series[0].marks.size() > 1) {
    const double bin = chart.series[0].marks[1].x - chart.series[0].marks[0].x;
    first -= bin / 2;
    last += bin / 2;
  }
  frame.y = report::number_axis(chart.from_zero ? std::min(0.0, low) : low, high, 5, true);
  double widest = 0;
  for (const report::Tick& tick : frame.y.ticks) {
    widest = std::max(widest, report::text_width(tick.text));
  }
  frame.left = 26 + widest;
  frame.x = chart.places.empty() ? report::number_axis(first, last, 6, false)
                                 : report::place_axis(chart.places, kWidth - kRight - frame.left);
  const double lines = frame.x.text_lines;
  frame.height = frame.bottom + 6 + 14 * lines + (chart.x_label.empty() ? 0 : 18) + 4;
  return frame;
}

/// "x,y x,y …" of the marks, y moved by `times` deviations.
std::string path(const Series& series, const Frame& frame, double times) {
  std::string out;
  for (const Mark& m : series.marks) {
    out += cat(fixed(frame.at_x(m.x)), ",", fixed(frame.at_y(m.y + times * m.deviation)), " ");
  }
  return out;
}

std::string draw_lines(const Series& series, const Frame& frame) {
  std::string out;
  const bool spread = std::any_of(series.marks.begin(), series.marks.end(),
                                  [](const Mark& m) { return m.deviation > 0; });
  if (spread && !series.dashed) {
    Series back = series;
    std::reverse(back.marks.begin(), back.marks.end());
    out += cat("<polygon class=\"band\" points=\"", path(series, frame, 1), path(back, frame, -1),
               "\"/>");
  }
  return out + cat("<polyline class=\"line", series.dashed ? " dashed" : "", "\" points=\"",
                   path(series, frame, 0), "\"/>");
}

std::string draw_points(const Series& series, const Frame& frame, bool joined) {
  if (series.dashed) return draw_lines(series, frame);
  std::string out;
  if (joined) {
    out += cat("<polyline class=\"line thin\" points=\"", path(series, frame, 0), "\"/>");
  }
  for (const Mark& m : series.marks) {
    const double x = frame.at_x(m.x), y = frame.at_y(m.y);
    const double low = frame.at_y(m.y - m.deviation), high = frame.at_y(m.y + m.deviation);
    if (m.deviation > 0) {
      out += line_at("line thin", x, low, x, high) + line_at("line thin", x - 3, low, x + 3, low) +
             line_at("line thin", x - 3, high, x + 3, high);
    }
    out += cat("<circle class=\"dot\" cx=\"", fixed(x), "\" cy=\"", fixed(y),
               "\" r=\"3.2\"><title>", html_escape(series.name), ": ",
               percent(m.y, m.deviation > 0 ? m.deviation : -1), "</title></circle>");
  }
  return out;
}

std::string draw_steps(const Series& series, const Frame& frame) {
  if (series.marks.empty()) return "";
  const size_t count = series.marks.size();
  const double width = count > 1 ? series.marks[1].x - series.marks[0].x : 1;
  std::string points =
      cat(fixed(frame.at_x(series.marks[0].x - width / 2)), ",", fixed(frame.at_y(0)), " ");
  for (const Mark& m : series.marks) {
    const std::string y = fixed(frame.at_y(m.y));
    points += cat(fixed(frame.at_x(m.x - width / 2)), ",", y, " ",
                  fixed(frame.at_x(m.x + width / 2)), ",", y, " ");
  }
  points += cat(fixed(frame.at_x(series.marks.back().x + width / 2)), ",", fixed(frame.at_y(0)));
  return cat("<polyline class=\"line thin\" points=\"", points, "\"/>");
}

}  // namespace

std::string draw(const Chart& chart) {
  double top = kTop;
  std::string content = legend(chart, top);
  const Frame frame = frame_of(chart, top);
  content += axes(chart, frame);
  for (size_t s = 0; s < chart.series.size(); ++s) {
    const Series& series = chart.series[s];
    content += colour_of(chart, s);
    if (chart.shape == Marks::kLines) content += draw_lines(series, frame);
    if (chart.shape == Marks::kSteps) content += draw_steps(series, frame);
    if (chart.shape == Marks::kPoints || chart.shape == Marks::kJoinedPoints) {
      content += draw_points(series, frame, chart.shape == Marks::kJoinedPoints);
    }
    content += "</g>\n";
  }
  return svg(chart.id, chart.caption, frame.height, content);
}

std::string draw(const Heat& heat) {
  Chart chart{heat.id, heat.caption, heat.x_label, heat.y_label};
  chart.places = heat.columns;
  Frame frame;
  frame.top = kTop;
  frame.bottom = kTop + kPlotHeight;
  frame.y = report::place_axis(heat.rows, kPlotHeight);
  double widest = 0;
  for (const std::string& row : heat.rows) widest = std::max(widest, report::text_width(row));
  frame.left = 26 + widest;
  frame.x = report::place_axis(heat.columns, kWidth - kRight - frame.left);
  frame.height = frame.bottom + 6 + 14 * frame.x.text_lines + 22;
  std::string content = axes(chart, frame);
  if (heat.values.empty()) return svg(heat.id, heat.caption, frame.height, content);
  const auto [low, high] = std::minmax_element(heat.values.begin(), heat.values.end());
  for (size_t i = 0; i < heat.values.size(); ++i) {
    const double column = double(i % heat.columns.size()), row = double(i / heat.columns.size());
    const double share = *high > *low ? (heat.values[i] - *low) / (*high - *low) : 0;
    const double left = frame.at_x(column - 0.48), top = frame.at_y(row + 0.47);
    content +=
        cat("<rect class=\"field\" x=\"", fixed(left), "\" y=\"", fixed(top), "\" width=\"",
            fixed(frame.at_x(column + 0.48) - left), "\" height=\"",
            fixed(frame.at_y(row - 0.47) - top),
            "\" style=\"fill-opacity:", fixed(0.04 + (kHeatOpacity - 0.04) * share, 3), "\"/>",
            text_at(frame.at_x(column), frame.at_y(row) - 3, "middle", percent(heat.values[i])),
            text_at(frame.at_x(column), frame.at_y(row) + 12, "middle",
                    cat("(", report::short_number(heat.notes[i], 3), ")")),
            "\n");
  }
  return svg(heat.id, heat.caption, frame.height, content);
}

}  // namespace qprompt
