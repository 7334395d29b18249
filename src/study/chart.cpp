#include "study/chart.h"

#include <algorithm>
#include <cmath>

#include "qprompt/base.h"
#include "study/summary.h"

namespace qprompt::study {
namespace {

// Okabe and Ito's colours, told apart by colour-blind eyes too.
constexpr const char* kColours[] = {"#0072b2", "#d55e00", "#009e73",
                                    "#cc79a7", "#e69f00", "#56b4e9"};
constexpr const char* kOrdered[] = {"#b7b7b7", "#f0b429", "#e07a1f",
                                    "#c1440e", "#8c2d8a", "#2c1a6b"};

constexpr int64_t kWide = 520, kNarrow = 400, kHeight = 340;

std::string colour(const Chart& chart, size_t series) {
  const size_t count = std::size(kColours);
  const int64_t own = chart.series[series].colour;
  const size_t place = own < 0 ? series : static_cast<size_t>(own);
  return cat("lc rgb '", (chart.ordered ? kOrdered : kColours)[place % count], "'");
}

std::string frame(const Chart& chart) {
  std::string text =
      cat("set border 3 lc rgb '#777777'\nset tics nomirror textcolor rgb '#333333'\n"
          "set grid y lc rgb '#e2e2e2' lt 1 lw 1\nset key tmargin center horizontal Left reverse "
          "samplen 1.5 textcolor rgb '#222222'\nset style fill transparent solid 0.15 noborder\n"
          "set xlabel '",
          chart.x_label, "'\nset ylabel '", chart.y_label, "'\n");
  if (chart.from_zero) text += "set yrange [0:*]\n";
  if (chart.places.empty()) return text;
  const bool two_lines = std::any_of(chart.places.begin(), chart.places.end(), [](const auto& p) {
    return p.find("\\n") != std::string::npos;
  });
  if (two_lines) text += "set bmargin 4\n";
  text += cat("set xrange [-0.5:", number(static_cast<double>(chart.places.size()) - 0.5), "]\n",
              "set xtics (");
  for (size_t i = 0; i < chart.places.size(); ++i) {
    text += cat(i == 0 ? "" : ", ", '"', chart.places[i], "\" ", i);
  }
  return text + ")\n";
}

/// Every series as an inline data block $s0, $s1, …: x, y, y − deviation, y + deviation.
std::string blocks(const Chart& chart) {
  std::string text;
  for (size_t s = 0; s < chart.series.size(); ++s) {
    text += cat("$s", s, " << EOD\n");
    for (const Mark& m : chart.series[s].marks) {
      text += cat(number(m.x, 8), " ", number(m.y, 8), " ", number(m.y - m.deviation, 8), " ",
                  number(m.y + m.deviation, 8), "\n");
    }
    text += "EOD\n";
  }
  return text;
}

Plot finish(const Chart& chart, const std::string& drawn) {
  return {chart.id, chart.caption, frame(chart) + blocks(chart) + "plot " + drawn,
          chart.narrow ? kNarrow : kWide, kHeight};
}

std::string title(const Chart& chart, size_t series) {
  const std::string& name = chart.series[series].name;
  return name.empty() ? " notitle" : cat(" title '", name, "'");
}

}  // namespace

Plot line_plot(const Chart& chart) {
  std::string bands, lines;
  for (size_t s = 0; s < chart.series.size(); ++s) {
    const std::string line = colour(chart, s);
    bands += cat("$s", s, " using 1:3:4 with filledcurves ", line, " notitle, ");
    lines += cat(s == 0 ? "" : ", ", "$s", s, " using 1:2 with lines ", line, " lw 2",
                 chart.series[s].dashed ? " dt 2" : "", title(chart, s));
  }
  return finish(chart, bands + lines);
}

Plot point_plot(const Chart& chart, bool joined) {
  std::string drawn;
  for (size_t s = 0; s < chart.series.size(); ++s) {
    const std::string line = colour(chart, s), comma = s == 0 ? "" : ", ";
    if (chart.series[s].dashed) {
      drawn += cat(comma, "$s", s, " using 1:2 with lines ", line, " lw 1.5 dt 2", title(chart, s));
      continue;
    }
    if (joined) drawn += cat(comma, "$s", s, " using 1:2 with lines ", line, " lw 1 notitle");
    drawn += cat(joined ? ", " : comma, "$s", s, " using 1:2:3:4 with yerrorbars ", line,
                 " lw 1.5 pt 7 ps 0.6", title(chart, s));
  }
  return finish(chart, drawn);
}

Plot step_plot(const Chart& chart) {
  std::string drawn;
  for (size_t s = 0; s < chart.series.size(); ++s) {
    drawn += cat(s == 0 ? "" : ", ", "$s", s, " using 1:2 with histeps ", colour(chart, s),
                 " lw 1.6", title(chart, s));
  }
  return finish(chart, drawn);
}

Plot heat_plot(const Heat& heat) {
  Chart chart{heat.id, heat.caption, heat.x_label, heat.y_label, {}, heat.columns};
  const auto [low, high] = std::minmax_element(heat.values.begin(), heat.values.end());
  std::string text =
      cat("set style fill solid 1\nset palette defined (0 '#f3f8fd', 1 '#74b2dc')\nunset colorbox\n"
          "set cbrange [",
          number(*low - 0.01, 8), ":", number(*high + 0.01, 8),
          "]\nset border 0\n"
          "unset grid\nset tics scale 0\nset yrange [-0.5:",
          number(static_cast<double>(heat.rows.size()) - 0.5), "]\nset ytics (");
  for (size_t i = 0; i < heat.rows.size(); ++i) {
    text += cat(i == 0 ? "" : ", ", '"', heat.rows[i], "\" ", i);
  }
  text += ")\n$h << EOD\n";
  for (size_t i = 0; i < heat.values.size(); ++i) {
    text +=
        cat(i % heat.columns.size(), " ", i / heat.columns.size(), " ", number(heat.values[i], 8),
            " ", percent(heat.values[i]), " ", number(heat.notes[i]), "\n");
  }
  text += "EOD\n";
  return {heat.id, heat.caption,
          frame(chart) + text +
              "plot $h using 1:2:(0.48):(0.47):3 with boxxyerror lc palette notitle, "
              "$h using 1:2:(stringcolumn(4).\"\\n(\".stringcolumn(5).\")\") with labels "
              "offset 0,0.4 textcolor rgb '#222222' notitle",
          kNarrow, kHeight};
}

}  // namespace qprompt::study
